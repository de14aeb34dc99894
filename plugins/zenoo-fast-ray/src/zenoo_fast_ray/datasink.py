"""The Ray Data sink: ``dataset.write_datasink(OdooDatasink(...))``."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import ray
from ray.data import Datasink

from zenoo_fast.engine.job import MAX_CHUNK_BYTES, MODES, Mode, OnReject
from zenoo_fast.engine.rejects import RejectFile
from zenoo_fast.engine.report import ImportReport, RejectsError
from zenoo_fast.engine.sender import one_line
from zenoo_fast.exceptions import ConfigurationError, ZenooError
from zenoo_fast.plugins.validators import ValidatorSpec
from zenoo_fast_ray.actors import LEASE_SECONDS, LedgerActor, LimiterActor, find, ledger_name, limiter_name, start
from zenoo_fast_ray.block import Work, left_behind, write
from zenoo_fast_ray.leases import Limit
from zenoo_fast_ray.ledger import Entry
from zenoo_fast_ray.login import Login
from zenoo_fast_ray.merge import merged, numbered, write_rejects
from zenoo_fast_ray.result import BlockResult
from zenoo_fast_ray.rows import tables_of

logger = logging.getLogger(__name__)

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CHAINED = "\nThe above exception was the direct cause of the following exception:"
_CUT_OFF = "the write was stopped while this block was under way"


class OdooDatasink(Datasink):  # type: ignore[misc] # Ray's classes are not typed
    """Writes a Ray dataset into one model of an Odoo, by the engine of `zenoo_fast.import_records` in every task.

    A sink serves one write at a time.

    Args:
        login: Where and as whom.
        model: Technical model name.
        mode: As of `import_records`, and so are all arguments that are not described here.
        concurrency: Calls at once, in the whole cluster; ``"auto"`` finds out what the server takes.
        limiter: Name of a limit that several writes share (`start_limiter`), instead of one of this write's own.
        lease_seconds: A task that is silent for that long is taken for dead, and its place among the calls at once is
            given to another. Longer than a call takes.
        journals: Folder for a journal of each block, under the same path on every node. Without, blocks that Ray has
            to begin again are sent again where that does no harm, and are else counted as unknown.
        rejects: Where rejects of all blocks are written on the driver, as JSON lines.
        run_id: The run's id: a later write with the same id and journals goes on where the earlier one ended. Made up
            without.

    Attributes:
        report: The account of the whole write, when it has ended, however it did. Its rows are numbered through the
            blocks in the order in which Ray handed them out.

    Raises:
        ConfigurationError: Wrong arguments.

    Examples:
        >>> sink = OdooDatasink(Login(url, "production", "admin"), "res.partner", idempotent=True, key=["ref"])
        >>> ray.data.read_parquet("s3://bucket/partners/").write_datasink(sink)
        >>> sink.report.raise_for_rejects()
    """

    def __init__(
        self,
        login: Login,
        model: str,
        *,
        mode: Mode = "create",
        concurrency: Limit = "auto",
        limiter: str | None = None,
        lease_seconds: float = LEASE_SECONDS,
        journals: str | Path | None = None,
        rejects: str | Path | None = None,
        run_id: str | None = None,
        idempotent: bool = False,
        key: Sequence[str] = (),
        chunk_size: int | Literal["auto"] = "auto",
        context: Mapping[str, Any] | None = None,
        keep_tracking: bool = False,
        mapping: Mapping[str, str] | None = None,
        match: Mapping[str, str] | None = None,
        on_reject: OnReject = "continue",
        lane: str | None = None,
        dry_run: bool = False,
        validators: Sequence[str | type | ValidatorSpec] = (),
        max_chunk_bytes: int = MAX_CHUNK_BYTES,
    ) -> None:
        if mode not in MODES:
            raise ConfigurationError(f"mode is one of {', '.join(MODES)}, not {mode!r}")
        if key and not idempotent:
            raise ConfigurationError("key names the columns of an idempotent write's external ids: say idempotent, too")
        if concurrency != "auto" and (type(concurrency) is not int or concurrency < 1):
            raise ConfigurationError(f'concurrency is a number or "auto", not {concurrency!r}')
        if limiter is not None and (concurrency != "auto" or lease_seconds != LEASE_SECONDS):
            raise ConfigurationError("a shared limiter has its own concurrency and lease_seconds: see start_limiter")
        if run_id is not None and not _RUN_ID.fullmatch(run_id):
            raise ConfigurationError(f"run_id is up to 64 letters, digits, - and _, not {run_id!r}")
        self.report: ImportReport | None = None
        self._mode = mode
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._shared = limiter
        self._run_id = run_id
        self._rejects = Path(rejects) if rejects is not None else None
        self._dry_run = dry_run
        self._started = 0.0
        # Of the write that is under way: without these handles Ray would end its actors.
        self._ledger: Any = None
        self._limiter: Any = None
        self._work = Work(
            login,
            model,
            "",
            "",
            "",
            again=dry_run or mode != "create" or idempotent,
            repeatable=dry_run or mode != "create" or (idempotent and bool(key)),
            journals=str(Path(journals).absolute()) if journals is not None else "",
            rejects=rejects is not None,
            options={
                "mode": mode,
                "idempotent": idempotent,
                "key": tuple(key),
                "chunk_size": chunk_size,
                "context": context,
                "keep_tracking": keep_tracking,
                "mapping": mapping,
                "match": match,
                "on_reject": on_reject,
                "lane": lane,
                "dry_run": dry_run,
                "validators": tuple(validators),
                "max_chunk_bytes": max_chunk_bytes,
            },
        )

    def __repr__(self) -> str:
        return f"<OdooDatasink {self._mode} {self._work.model} {self._work.login.url}>"

    def __getstate__(self) -> dict[str, Any]:
        """What tasks need."""
        return {"_work": self._work}

    # ---- in the tasks -------------------------------------------------------------------------------------------

    def write(self, blocks: Iterable[Any], ctx: Any) -> BlockResult:
        """Write what Ray gives to one task."""
        return write(self._work, tables_of(blocks), ctx.task_idx)

    # ---- on the driver ------------------------------------------------------------------------------------------

    def on_write_start(self, schema: Any = None) -> None:
        """Start the write's actors, just before the first task.

        Raises:
            ConfigurationError: The run is under way, or was, and cannot be begun again.
        """
        del schema
        run_id = self._run_id or uuid.uuid4().hex[:12]
        limiter = limiter_name(self._shared or run_id)
        self._work = dataclasses.replace(self._work, run_id=run_id, ledger=ledger_name(run_id), limiter=limiter)
        if self._rejects is not None:
            RejectFile(self._rejects, None)  # refuses a folder that is not there
        self.report = None
        self._started = time.perf_counter()
        self._mark()
        if not self._work.again and not self._work.journals:
            logger.warning(
                "%r keeps no journals: rows of a block that Ray has to begin again will be unknown; "
                "give journals, or say idempotent",
                self,
            )
        if self._shared is not None:
            self._limiter = find(limiter)
        self._ledger = start(LedgerActor, self._work.ledger, repeatable=self._work.repeatable)
        if self._shared is None:
            self._limiter = start(LimiterActor, limiter, self._concurrency, self._lease_seconds)

    def _mark(self) -> None:
        """Leave a sign in the folder of journals, by which tasks see that it is this one."""
        work = self._work
        if not work.journals:
            return
        try:
            with work.marker().open("x", encoding="utf-8") as file:
                file.write(f"{work.model} {self._mode}\n")
        except FileExistsError:
            if not work.repeatable:
                raise ConfigurationError(
                    f"{work.journals}: run {work.run_id} has been here: its rows could be cut into other blocks this "
                    "time; only a write with key columns can be begun again by another job"
                ) from None
        except OSError as error:
            raise ConfigurationError(f"{work.marker()}: {error.strerror or error}") from error

    def on_write_complete(self, write_result: Any) -> None:
        """Merge what the tasks came back with.

        Raises:
            RejectsError: The write was stopped before its end. Rejects alone raise nothing here.
        """
        report = self._merge([one for one in write_result.write_returns if one is not None])
        if report.stopped:
            raise RejectsError(f"the write was stopped: {report.stopped}", report)

    def on_write_failed(self, error: Exception) -> None:
        """A task failed, or the driver: the report tells what became of the blocks that had been begun."""
        if self.report is not None:
            return
        reason = _reason(error)
        results: list[BlockResult] = []
        if self._ledger is not None:
            with contextlib.suppress(ray.exceptions.RayError):
                results = [self._ended(entry) for entry in self._stopped(reason)]
        self._merge(results, reason)

    def _merge(self, results: Sequence[BlockResult], stopped: str = "") -> ImportReport:
        work = self._work
        report = ImportReport(work.run_id, work.model, self._mode, stopped=stopped, dry_run=self._dry_run)
        merged(report, results)
        report.not_read = report.not_read or bool(stopped)
        report.journal = Path(work.journals) if work.journals else None
        try:
            if self._ledger is not None and self._rejects is not None:
                report.rejects_file = self._collect(self._rejects, results)
            if self._limiter is not None:
                report.tuning["concurrency"] = ray.get(self._limiter.facts.remote())["limit"]
        except (ray.exceptions.RayError, OSError, ZenooError) as error:
            report.stopped = report.stopped or f"the rejects cannot be collected: {_reason(error)}"
        finally:
            self._end()
            report.seconds = time.perf_counter() - self._started if self._started else 0.0
            self.report = report
        return report

    def _collect(self, path: Path, results: Sequence[BlockResult]) -> Path | None:
        """The reject files of all blocks as one, in the driver's."""
        file = RejectFile(path, None)
        with contextlib.closing(file):
            for result, first in numbered(results):
                part = _left(result) if result.rejects_file else b"".join(_pieces(self._ledger, result.task))
                if part:
                    write_rejects(file, part, first)
        return file.path if file.length else None

    def _stopped(self, reason: str) -> list[Entry]:
        """Have what is under way come to its end, and say what there is."""
        ray.get(self._ledger.stop.remote(reason))
        until = time.monotonic() + self._lease_seconds
        while True:
            entries: list[Entry] = ray.get(self._ledger.entries.remote())
            if not any(one.running for one in entries) or time.monotonic() > until:
                return entries
            time.sleep(0.2)

    def _ended(self, entry: Entry) -> BlockResult:
        """What became of a block, as far as it can be known here."""
        if entry.result is not None:
            return entry.result
        return left_behind(self._work, entry.task, entry.key, entry.rows, _CUT_OFF, sent=entry.sent)

    def _end(self) -> None:
        """End the write's own actors."""
        own = [self._ledger, self._limiter if self._shared is None else None]
        self._ledger = self._limiter = None
        for actor in own:
            if actor is not None:
                ray.kill(actor)


def _left(result: BlockResult) -> bytes:
    """What a block that was cut off has left in its reject file, as far as it is accounted for."""
    with Path(result.rejects_file).open("rb") as file:
        return file.read(result.rejects_bytes)


def _pieces(ledger: Any, task: int) -> Iterator[bytes]:
    number = 0
    while (data := ray.get(ledger.rejects.remote(task, number))) is not None:
        yield data
        number += 1


def _reason(error: BaseException) -> str:
    """One line; Ray puts a task's own error into one of its own, and adds advice to its text."""
    cause = getattr(error, "cause", None) or error
    text = str(getattr(cause, "message", "") or cause)
    trace, chained, _ = str(error).partition(_CHAINED)
    if chained and trace.strip():
        # What a function of the pipeline raised is only in the text.
        text = trace.strip().splitlines()[-1]
    return one_line(text.partition("\n")[0] or type(cause).__name__)
