"""The durable account of one run: an SQLite file that says which rows were sent, and how each of them ended.

``sent`` is durable before a chunk leaves, its end is durable soon after; commits are grouped, so that many calls share
one wait for the disk. The file holds row numbers, ids and reasons: no record, no secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Self

from zenoo_fast._core import Chunk, IdMap, RowSet
from zenoo_fast.engine.chunks import AnyChunk
from zenoo_fast.engine.journal_file import GIVEN_BACK, SCHEMA, SENT, JournalState, RunFacts, connect, read, rows_of_ids
from zenoo_fast.engine.outcome import Reject, RowState, Settled
from zenoo_fast.exceptions import ConfigurationError, ZenooError

_GATHER_SECONDS = 0.02
"""How long ends of rows wait for company; a chunk that is about to leave never waits."""

Statement = tuple[str, Sequence[Any]]


class JournalError(ZenooError):
    """The journal cannot be written: nothing more may be sent."""


class _Entry(NamedTuple):
    """Statements that become durable together, and who waits for them.

    Attributes:
        statements: What to execute.
        waiter: Told when it is durable.
        rejected: Rows of rejects, which must be in the reject file first; where that cannot be, it is as if these rows
            had never been read or sent (the server has rolled them back).
    """

    statements: Sequence[Statement]
    waiter: asyncio.Future[None] | None = None
    rejected: bytes | None = None


class Journal:
    """Writes one journal; made by `create` and `resume`.

    Args:
        path: Its file.
        connection: To the file, locked.

    Attributes:
        path: Its file.
        started: A run has begun to write it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.started = False
        self._connection = connection
        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure = ""
        self._unsynced = ""
        self._ends: dict[RowState, IdMap] = {}
        self._ends_timer: asyncio.TimerHandle | None = None
        self._on_failure: Callable[[str], None] = lambda _reason: None
        self._sync: Callable[[], None] = lambda: None

    @classmethod
    def create(cls, path: str | Path, facts: RunFacts) -> Self:
        """Begin a journal.

        Raises:
            ConfigurationError: The file exists, or cannot be written.
        """
        path = Path(path)
        # Made whole under another name first: a run that is killed here leaves no half journal behind.
        draft = path.with_name(f".{path.name}.new")
        try:
            draft.unlink(missing_ok=True)
            with contextlib.closing(connect(draft)) as connection:
                connection.executescript(SCHEMA)
                connection.execute("INSERT INTO facts VALUES ('run', ?)", (json.dumps(asdict(facts)),))
            os.link(draft, path)
            return cls(path, connect(path))
        except FileExistsError:
            raise ConfigurationError(
                f"{path}: there is a journal already: --resume continues its run; for a new run name another file"
            ) from None
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"{path}: the journal cannot be written: {error}") from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    @classmethod
    def resume(cls, path: str | Path) -> tuple[Self, JournalState]:
        """Open the journal of an earlier run to go on with it.

        Raises:
            ConfigurationError: No such file, not a journal, damaged, of another version, or in use.
        """
        path = Path(path)
        connection, state = read(path)
        return cls(path, connection), state

    def start(self, on_failure: Callable[[str], None], sync: Callable[[], None] | None = None) -> None:
        """Begin to write, for the running loop.

        Args:
            on_failure: Told in the loop, once, why nothing more may be sent.
            sync: Makes the reject file durable; called in the journal's thread before each commit that has rejects.
                Where it fails the ends of other rows are still noted, but nothing more is told as sent.
        """
        self.started = True
        self._loop = asyncio.get_running_loop()
        self._on_failure = on_failure
        self._sync = sync or self._sync
        self._thread = threading.Thread(target=self._write, name="zenoo-fast-journal", daemon=True)
        self._thread.start()

    async def sent(self, rows: RowSet, known: RowSet | None = None) -> None:
        """Return when it is durable that these rows are about to leave.

        Args:
            rows: Row numbers.
            known: Those whose external id is there already.

        Raises:
            JournalError: It cannot be written.
        """
        self._put_ends()
        await self._durable([_event(SENT, rows.to_bytes(), known=known.to_bytes() if known else None)])

    def settled(self, settled: Settled, rejects_file: tuple[Path, int] | None = None) -> None:
        """Rows have come to their end; durable soon.

        Args:
            settled: Which, and how.
            rejects_file: The reject file and its length once these rejects are in it.
        """
        chunk = settled.chunk
        reason = settled.error.message if settled.error else None
        if settled.rejects:
            self._rejected(settled.rejects, _row_bytes(chunk.rows()), rejects_file, reason)
        elif settled.ids is None or settled.error is not None:
            ids = None
            if settled.ids is not None:
                found = IdMap()
                found.put(chunk.rows(), settled.ids)
                ids = found.to_bytes()
            self._put_ends()
            self._end(_row_bytes(chunk.rows()), settled.state, ids, reason)
        else:
            self._ends.setdefault(settled.state, IdMap()).put(_rows_of(chunk), settled.ids)
            if self._ends_timer is None:
                self._ends_timer = asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._put_ends)

    def rejected(self, rejects: Sequence[Reject], rejects_file: tuple[Path, int] | None = None) -> None:
        """Rows were rejected before they became a chunk; durable soon."""
        self._rejected(rejects, _row_bytes(one.row for one in rejects), rejects_file, None)

    def given_back(self, rows: RowSet) -> None:
        """Rows that were told as sent were not executed; durable soon."""
        self._put_ends()
        self._entries.put(_Entry([_event(GIVEN_BACK, rows.to_bytes())]))

    async def flush(self) -> None:
        """Return when everything told so far is durable.

        Raises:
            JournalError: It cannot be written.
        """
        self._put_ends()
        await self._durable([])

    async def close(self) -> None:
        """Make everything durable and close the file. Idempotent.

        Raises:
            JournalError: It cannot be written; the file is closed all the same.
        """
        if self._thread is None:
            self.abandon()
            return
        self._put_ends()
        try:
            await self._durable([])
        finally:
            self._entries.put(None)
            thread, self._thread = self._thread, None
            await asyncio.to_thread(thread.join)

    def abandon(self) -> None:
        """Close the file of a journal that was not started."""
        self._connection.close()

    def reconciled(self, found: Mapping[RowState, IdMap], absent: RowSet) -> None:
        """Note what became of rows in doubt; for a journal that was not started.

        Args:
            found: Rows that are in, with their ids, by how they count.
            absent: Rows that are not in: as if they had never been sent.

        Raises:
            ConfigurationError: It cannot be written.
        """
        statements = [
            _event(state.value, rows_of_ids(ids).to_bytes(), ids=ids.to_bytes()) for state, ids in found.items()
        ]
        if absent:
            statements.append(_event(GIVEN_BACK, absent.to_bytes()))
        try:
            self._commit([_Entry(statements)])
        except sqlite3.Error as error:
            raise ConfigurationError(f"{self.path}: the journal cannot be written: {error}") from error

    # ---- writing ------------------------------------------------------------------------------------------------

    def _end(self, rows: bytes, state: RowState, ids: bytes | None, reason: str | None) -> None:
        self._entries.put(_Entry([_event(state.value, rows, ids=ids, reason=reason)]))

    def _put_ends(self) -> None:
        """Hand on the ends with ids that have gathered: one event for many calls."""
        if self._ends_timer is not None:
            self._ends_timer.cancel()
            self._ends_timer = None
        for state, ids in self._ends.items():
            self._end(rows_of_ids(ids).to_bytes(), state, ids.to_bytes(), None)
        self._ends.clear()

    def _rejected(
        self, rejects: Sequence[Reject], rows: bytes, rejects_file: tuple[Path, int] | None, reason: str | None
    ) -> None:
        self._put_ends()
        statement = "INSERT OR REPLACE INTO rejects VALUES (?, ?, ?, ?)"
        statements: list[Statement] = [_event(RowState.REJECTED.value, rows, reason=reason)]
        statements += [(statement, (one.row, one.field, one.code, one.message)) for one in rejects]
        if rejects_file is not None:
            place, length = rejects_file
            statements.append(_fact("rejects", json.dumps([str(place.absolute()), length])))
        self._entries.put(_Entry(statements, rejected=rows))

    async def _durable(self, statements: Sequence[Statement]) -> None:
        if self._failure or (statements and self._unsynced):
            raise JournalError(self._failure or self._unsynced)
        waiter = asyncio.get_running_loop().create_future()
        self._entries.put(_Entry(statements, waiter))
        await waiter

    def _write(self) -> None:
        """The thread: commits what has gathered, then says so."""
        ended = False
        while not ended:
            entries, ended = self._gather()
            if self._failure:
                self._answer(entries)
                continue
            try:
                self._commit(self._synced(entries))
            except (sqlite3.Error, OSError, ValueError) as error:
                self._failure = f"{self.path}: the journal cannot be written: {error}"
                self._call(self._on_failure, self._failure)
            self._answer(entries)
        try:
            self._connection.close()
        except sqlite3.Error as error:
            self._failure = self._failure or str(error)

    def _synced(self, entries: Sequence[_Entry]) -> Sequence[_Entry]:
        """The entries, once their rejects are in the reject file; without these where that cannot be."""
        if not any(entry.rejected for entry in entries):
            return entries
        if not self._unsynced:
            try:
                self._sync()
            except (OSError, ValueError) as error:
                place = getattr(error, "filename", None) or "the reject file"
                self._unsynced = f"{place} cannot be written: {getattr(error, 'strerror', None) or error}"
                self._call(self._on_failure, self._unsynced)
            else:
                return entries
        return [
            _Entry([_event(GIVEN_BACK, entry.rejected)]) if entry.rejected is not None else entry for entry in entries
        ]

    def _gather(self) -> tuple[list[_Entry], bool]:
        """Entries to commit together; ``True`` at the end."""
        entries: list[_Entry] = []
        until = 0.0
        while True:
            urgent = any(one.waiter is not None for one in entries[-1:])
            left = until - time.monotonic() if entries else None
            if urgent or (left is not None and left <= 0):
                left = 0.0
            try:
                entry = self._entries.get(block=left != 0.0, timeout=left or None)
            except queue.Empty:
                return entries, False
            if entry is None:
                return entries, True
            if not entries:
                until = time.monotonic() + _GATHER_SECONDS
            entries.append(entry)

    def _commit(self, entries: Sequence[_Entry]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for entry in entries:
                for statement, values in entry.statements:
                    connection.execute(statement, values)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _answer(self, entries: Iterable[_Entry]) -> None:
        for entry in entries:
            if entry.waiter is not None:
                self._call(self._resolve, entry.waiter)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def _resolve(self, waiter: asyncio.Future[None]) -> None:
        if waiter.done():
            return
        if self._failure or self._unsynced:
            waiter.set_exception(JournalError(self._failure or self._unsynced))
        else:
            waiter.set_result(None)


def _rows_of(chunk: AnyChunk) -> Any:
    """What an `IdMap` takes: our own chunk as it is."""
    return chunk if isinstance(chunk, Chunk) else chunk.rows()


def _row_bytes(rows: Iterable[int]) -> bytes:
    found = RowSet()
    found.add_rows(rows)
    return found.to_bytes()


def _event(
    kind: str, rows: bytes, *, known: bytes | None = None, ids: bytes | None = None, reason: str | None = None
) -> Statement:
    statement = "INSERT INTO events (at, kind, rows, known, ids, reason) VALUES (?, ?, ?, ?, ?, ?)"
    return (statement, (time.time(), kind, rows, known, ids, reason))


def _fact(name: str, value: str) -> Statement:
    return ("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))
