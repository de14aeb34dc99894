"""A task's work: one block through the engine, with the cluster's leases, a journal and a line in the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.crew import Control
from zenoo_fast.engine.journal_file import JournalInUseError, read
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.engine.retry import Backoff
from zenoo_fast.exceptions import (
    ConfigurationError,
    ConnectionError,  # noqa: A004 - the public contract's name
    RequestTimeoutError,
)
from zenoo_fast.importing import OUTAGE_SECONDS, import_records
from zenoo_fast.transports.base import Connection, Transport
from zenoo_fast_ray.actors import RayOffice, answer, find
from zenoo_fast_ray.ledger import PIECE_BYTES, Begun
from zenoo_fast_ray.limiter import ClusterLimiter, LeasedTransport
from zenoo_fast_ray.login import Login
from zenoo_fast_ray.result import BlockResult
from zenoo_fast_ray.rows import digest_of, source_of

CUT_OFF = "an earlier attempt at this block was cut off, and there is no journal of it"
_LOOK_AGAIN = 0.5


@dataclass(frozen=True, slots=True)
class Work:
    """What every task of a write is told. Picklable.

    Attributes:
        login: Where and as whom.
        model: Model name.
        run_id: The write's id.
        ledger: Name of its ledger's actor.
        limiter: Name of the actor that lends places.
        repeatable: Sending rows again does no harm, whichever block they come in.
        again: Nor does sending a block again.
        journals: Folder of the journals; empty for none.
        rejects: The driver wants the rejected records.
        options: The rest of `import_records`' arguments.
    """

    login: Login
    model: str
    run_id: str
    ledger: str
    limiter: str
    repeatable: bool
    again: bool
    journals: str = ""
    rejects: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def marker(self) -> Path:
        """The file that says, to whoever sees the folder, that it is this run's."""
        return Path(self.journals) / f"{self.run_id}.run"

    def journal(self, key: str) -> Path | None:
        """Of a block."""
        return Path(self.journals) / f"{self.run_id}.{key}.journal" if self.journals else None


def write(work: Work, tables: Sequence[pa.Table], task: int) -> BlockResult:
    """Write one block, and come back with its account.

    Args:
        work: What to do.
        tables: The block's rows.
        task: Number of the task, the same for each attempt.

    Raises:
        ConfigurationError: Wrong arguments, a folder of journals that is not shared; nothing was sent.
        ZenooError: The server or the write's actors cannot be asked.
    """
    if not tables:
        return BlockResult.not_begun(task, 0, "")
    return _run(_Attempt(work, tables, task).run())


def _run(work: Coroutine[Any, Any, BlockResult]) -> BlockResult:
    if sys.platform != "win32":
        try:
            import uvloop
        except ImportError:
            pass
        else:
            return uvloop.run(work)
    return asyncio.run(work)


class Leased:
    """A client as `import_records` sees it, whose calls are made with leases."""

    def __init__(self, client: ZenooClient, limiter: ClusterLimiter) -> None:
        self._transport = LeasedTransport(client.transport, limiter)
        self.connection: Connection = client.connection

    @property
    def transport(self) -> Transport:
        """How calls travel."""
        return self._transport


class _Attempt:
    def __init__(self, work: Work, tables: Sequence[pa.Table], task: int) -> None:
        self.work = work
        self.tables = tables
        self.task = task
        self.rows = sum(table.num_rows for table in tables)
        self.ledger = find(work.ledger)
        self.office = RayOffice(work.limiter, self.ledger, task)

    async def run(self) -> BlockResult:
        if self.work.journals and not self.work.marker().exists():
            raise ConfigurationError(
                f"{self.work.journals} is not the driver's folder of that name: journals need one that all nodes share"
            )
        digest = await asyncio.to_thread(digest_of, self.tables)
        begun: Begun = await answer(self.ledger.begin.remote(self.task, digest, self.rows, self.office.attempt))
        if begun.result is not None:
            return begun.result
        try:
            result = replace(await self._result(begun), attempts=begun.attempts)
            await answer(self.ledger.finish.remote(self.task, self.office.attempt, result))
        except BaseException:
            self.ledger.leave.remote(self.task, self.office.attempt)
            raise
        return result

    async def _result(self, begun: Begun) -> BlockResult:
        if begun.stopped:
            return left_behind(self.work, self.task, begun.key, self.rows, begun.stopped, sent=begun.again)
        journal = self.work.journal(begun.key)
        refused = begun.refused
        if begun.again and not self.work.again and not _is_there(journal):
            refused = refused or CUT_OFF
        if refused:
            return BlockResult.all_unknown(self.task, self.rows, refused)
        with ExitStack() as stack:
            rejects = None
            if self.work.rejects:
                folder = Path(self.work.journals or stack.enter_context(tempfile.TemporaryDirectory()))
                rejects = folder / f"{self.work.run_id}.{begun.key}.rejects.jsonl"
            report = await self._imported(begun, journal, rejects)
            if report.rejects_file is not None:
                await self._send_rejects(report.rejects_file)
        return BlockResult.of(report, self.task, self.rows, begun.room)

    async def _imported(self, begun: Begun, journal: Path | None, rejects: Path | None) -> ImportReport:
        await self.office.open()
        control, backoff = Control(), Backoff(1.0, 15.0)
        started, waits = time.monotonic(), 0
        async with ClusterLimiter(self.office, control) as limiter:
            while True:
                waited = time.monotonic() - started
                try:
                    return await self._import(limiter, control, begun.key, journal, rejects)
                except JournalInUseError:
                    # An attempt that is taken for dead has not noticed yet: it may send nothing any more.
                    if waited > 2 * self.office.seconds:
                        raise
                    delay = _LOOK_AGAIN
                except (ConnectionError, RequestTimeoutError):
                    # Nothing was sent. A server that was there before is waited for, as it is in the middle of a run.
                    if not begun.reached or control.stopped or waited > OUTAGE_SECONDS:
                        raise
                    delay = backoff.delay(waits)
                    waits += 1
                await asyncio.sleep(delay)

    async def _import(
        self, limiter: ClusterLimiter, control: Control, key: str, journal: Path | None, rejects: Path | None
    ) -> ImportReport:
        lease = await limiter.take()
        try:
            client = await self.work.login.connect()
        finally:
            limiter.put(lease)
        async with client:
            return await import_records(
                Leased(client, limiter),
                self.work.model,
                source_of(self.tables),
                concurrency=limiter,
                workers=0,
                rejects=rejects,
                journal=journal,
                resume=_is_there(journal),
                control=control,
                # Without key columns external ids are made of this and the row: each block has its own.
                run_id=f"{self.work.run_id}_{key}",
                **self.work.options,
            )

    async def _send_rejects(self, path: Path) -> None:
        with path.open("rb") as file:
            while data := await asyncio.to_thread(file.read, PIECE_BYTES):
                await answer(self.ledger.put_rejects.remote(self.task, self.office.attempt, data))


def _is_there(journal: Path | None) -> bool:
    return journal is not None and journal.exists()


def left_behind(work: Work, task: int, key: str, rows: int, reason: str, *, sent: bool) -> BlockResult:
    """What is known of a block that nobody writes any more.

    Args:
        work: What was to be done.
        task: Number of its task.
        key: The block's name.
        rows: How many it has.
        reason: Why nobody does.
        sent: Rows of it may have been sent.
    """
    journal = work.journal(key)
    if journal is not None and journal.exists():
        with contextlib.suppress(ConfigurationError):
            connection, state = read(journal)
            connection.close()
            return BlockResult.of_journal(state, task, rows, reason)
    if sent:
        return replace(BlockResult.all_unknown(task, rows, reason), stopped=reason)
    return BlockResult.not_begun(task, rows, reason)
