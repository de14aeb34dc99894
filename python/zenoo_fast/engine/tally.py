"""The account of a run: every row in exactly one count, its rejects and its journal kept."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from zenoo_fast._core import Chunk, RowSet
from zenoo_fast.engine.chunks import AnyChunk
from zenoo_fast.engine.crew import Crew
from zenoo_fast.engine.job import Job
from zenoo_fast.engine.journal import JournalError
from zenoo_fast.engine.outcome import Reject, RowState, Settled
from zenoo_fast.engine.report import ImportReport

REJECTS_KEPT = 1000
"""Rejects kept in the report; the reject file has all."""


class Tally:
    """Counts what was read and what became of it.

    Args:
        job: What is done.
        crew: The journal, the reject file, and what stops the run.
        report: Counts to go on from.
        moved: Called where a count has changed.
    """

    def __init__(self, job: Job, crew: Crew, report: ImportReport, moved: Callable[[], None]) -> None:
        self._job = job
        self._crew = crew
        self._moved = moved
        self.report = report
        self._rejects: list[Reject] = list(report.rejects)

    def read(self, read: int, rejects: list[Reject]) -> None:
        """Rows were read, and those of them that cannot go in."""
        self.report.read += read
        if rejects:
            self._add_rejects(rejects)
            if self._crew.journal is not None:
                self._crew.journal.rejected(rejects, self._rejects_file())
        self._moved()

    def settled(self, settled: Settled) -> None:
        """Rows have come to their end."""
        report = self.report
        count = len(settled.chunk)
        setattr(report, settled.state, getattr(report, settled.state) + count)
        if settled.ids is not None:
            chunk = settled.chunk
            report.ids.put(chunk if isinstance(chunk, Chunk) else chunk.rows(), settled.ids)
        if settled.state is RowState.UNKNOWN:
            add_rows(report.unknown_rows, settled.chunk)
            if not report.unknown_reason and settled.error is not None:
                report.unknown_reason = settled.error.message
        if settled.rejects:
            report.rejected -= len(settled.rejects)
            self._add_rejects(settled.rejects)
        if self._crew.journal is not None:
            self._crew.journal.settled(settled, self._rejects_file())
        if self._crew.events is not None:
            self._crew.events.chunk_done(settled)
        self._moved()

    def give_back(self, chunk: Chunk, message: str) -> None:
        """Rows that were read and not executed when the run was stopped: resumed later, or else rejected."""
        if self._crew.journal is not None:
            self.report.read -= len(chunk)
            rows = RowSet()
            add_rows(rows, chunk)
            self._crew.journal.given_back(rows)
            self.report.not_read = True
        elif len(chunk):
            message = f"not sent: {message}"
            rejects = [Reject(row, None, "not_sent", message, chunk.record(at)) for at, row in enumerate(chunk.rows())]
            self.settled(Settled(chunk, RowState.REJECTED, rejects=rejects))

    async def close(self) -> None:
        """Make it durable, and complete the report."""
        report, crew = self.report, self._crew
        report.stopped = crew.control.reason
        report.rejects = self._rejects
        report.tuning = {
            "chunk_size": crew.sizer.size,
            "concurrency": crew.limiter.limit,
            "workers": crew.info.workers,
            "transport": crew.info.transport,
        }
        if crew.journal is not None:
            report.journal = crew.journal.path
            try:
                await crew.journal.close()
            except JournalError as error:
                report.stopped = report.stopped or error.message
        if crew.rejects is not None:
            with contextlib.suppress(OSError):
                crew.rejects.close()
            if crew.rejects.length:
                report.rejects_file = crew.rejects.path

    def _rejects_file(self) -> tuple[Path, int] | None:
        """The reject file and its length, for the journal: what lies behind it is not in the journal yet."""
        file = self._crew.rejects
        return None if file is None or not file.length else (file.path, file.length)

    def _add_rejects(self, rejects: Sequence[Reject]) -> None:
        control = self._crew.control
        self.report.rejected += len(rejects)
        self._rejects += rejects[: max(0, REJECTS_KEPT - len(self._rejects))]
        if self._crew.rejects is not None:
            try:
                self._crew.rejects.write(rejects)
            except OSError as error:
                control.stop(f"{self._crew.rejects.path} cannot be written: {error.strerror or error}")
        if self._job.on_reject == "stop":
            first = rejects[0]
            where = f", {first.field}" if first.field else ""
            control.stop(f"row {first.row}{where}: {first.message}")


def add_rows(rows: RowSet, chunk: AnyChunk) -> None:
    """Add a chunk's rows: at once where none is left out, as nearly always."""
    count = len(chunk)
    if not count:
        return
    first = chunk.row(0)
    if chunk.row(count - 1) - first == count - 1:
        rows.add(first, first + count)
    else:
        rows.add_rows(chunk.rows())
