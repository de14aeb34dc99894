"""Begins a run's journal, or goes on where an earlier attempt's ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from zenoo_fast._core import RowSet, file_digest
from zenoo_fast.engine.job import Job
from zenoo_fast.engine.journal import Journal
from zenoo_fast.engine.journal_file import JournalState, RunFacts, minus
from zenoo_fast.engine.rejects import RejectFile
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.exceptions import ConfigurationError

UNFINISHED = "an earlier attempt ended while these rows were under way"


@dataclass(slots=True)
class Account:
    """A run's journal, and where to go on.

    Attributes:
        path: The journal's file.
        facts: What the run is.
        journal: `None` before `begin`.
        state: What earlier attempts did; ``None`` for a new run.
        skip: Rows not to be sent.
        doubted: Rows that an earlier attempt sent without learning their end; they are sent again.
    """

    path: Path
    facts: RunFacts
    journal: Journal | None = None
    state: JournalState | None = None
    skip: RowSet | None = None
    doubted: RowSet | None = None
    _report: ImportReport | None = field(default=None, repr=False)

    def begin(self, *, idempotent: bool, baseline: int | None) -> Journal:
        """Create the journal, or choose what becomes of rows in doubt.

        Args:
            idempotent: Sending a row again does no harm.
            baseline: Highest database id of the model, where it was asked for.

        Raises:
            ConfigurationError: The file exists, or cannot be written.
        """
        if self.journal is None:
            self.journal = Journal.create(self.path, replace(self.facts, baseline=baseline))
        if self.state is not None:
            self._go_on(self.state, idempotent=idempotent)
        return self.journal

    def _go_on(self, state: JournalState, *, idempotent: bool) -> None:
        report = ImportReport(self.facts.run_id, self.facts.model, self.facts.mode)
        for row_state, count in state.counts.items():
            setattr(report, row_state.value, count)
        report.ids, report.rejects = state.ids, state.rejects
        self.skip = RowSet(state.done.ranges())
        if idempotent:
            self.doubted = minus(state.in_doubt, state.known_before)
        else:
            report.unknown_rows = state.in_doubt
            report.unknown = len(state.in_doubt)
            report.unknown_reason = UNFINISHED if report.unknown else ""
            for start, stop in state.in_doubt.ranges():
                self.skip.add(start, stop)
        report.read = report.resumed = len(self.skip)
        self._report = report

    @property
    def report(self) -> ImportReport | None:
        """Counts to go on from."""
        return self._report

    def reject_file(self, path: str | Path, columns: Sequence[str] | None, delimiter: str) -> RejectFile:
        """The run's reject file: the one of the earlier attempts, where they had one.

        Raises:
            OSError: It cannot be cut to what the journal knows of it.
        """
        state = self.state
        if state is None or state.rejects_path is None:
            return RejectFile(path, columns, delimiter)
        return RejectFile(state.rejects_path, columns, delimiter, resume_at=state.rejects_bytes)

    async def close(self) -> None:
        """Close the journal; a new one of a run that never began is removed. Idempotent."""
        if self.journal is not None:
            await self.journal.close()
            if self.state is None and not self.journal.started:
                self.path.unlink(missing_ok=True)


async def source_facts(job: Job, source: str | Path | None, total: int | None, facts: RunFacts) -> RunFacts:
    """The facts with the input's fingerprint: size and digest of a file, number of records of a list.

    Args:
        job: What to do.
        source: The input's path; ``None`` where it is no file.
        total: Number of records, where known.
        facts: The rest.

    Raises:
        ConfigurationError: The file cannot be read, or is standard input.
    """
    if source is None:
        return replace(facts, size=total)
    if str(source) == "-":
        raise ConfigurationError("standard input cannot be read again to resume: a journal needs a file")
    try:
        place, size, digest = await asyncio.to_thread(_fingerprint, Path(source))
    except OSError as error:
        raise ConfigurationError(f"{job.source}: {error.strerror or error}") from error
    return replace(facts, source=place, size=size, digest=digest)


def _fingerprint(path: Path) -> tuple[str, int, str]:
    size, digest = file_digest(str(path))
    return str(path.absolute()), size, digest


def resumed(path: str | Path, now: RunFacts, *, allow_changed: bool) -> Account:
    """Go on with the run of a journal.

    Args:
        path: The journal.
        now: What the caller asks for.
        allow_changed: The input may have changed.

    Raises:
        ConfigurationError: There is no such journal, or its run is not this one.
    """
    if not Path(path).exists():
        raise ConfigurationError(f"{path}: there is no such journal; leave --resume out to begin a run")
    journal, state = Journal.resume(path)
    differences = state.facts.differences(now)
    message = ""
    if differences:
        message = f"{path}: the journal is of another run: {differences[0]}"
    elif not allow_changed and not state.facts.same_source(now):
        message = (
            f"{path}: {now.source} is not the file that this run began with; its rows are told by their number: "
            "restore it, or say --allow-changed-source"
        )
    if message:
        journal.abandon()
        raise ConfigurationError(message)
    return Account(Path(path), state.facts, journal, state)
