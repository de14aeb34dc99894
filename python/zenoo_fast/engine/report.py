"""The reconciled account of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zenoo_fast._core import IdMap, RowSet
from zenoo_fast.engine.outcome import Reject
from zenoo_fast.exceptions import ZenooError


class RejectsError(ZenooError):
    """A run finished, and some rows are not in.

    Attributes:
        report: The run's report.
    """

    def __init__(self, message: str, report: ImportReport) -> None:
        super().__init__(message)
        self.report = report


@dataclass(slots=True)
class ImportReport:
    """The reconciled account of one run: ``read`` is the sum of the six counts that follow it.

    Attributes:
        run_id: The run's id.
        model: Model name.
        mode: ``"create"``, ``"upsert"`` …
        read: Input rows read.
        created: Rows that are new records now.
        updated: Rows whose record was written.
        unchanged: Rows whose record already was as wanted.
        deleted: Rows whose record is gone.
        rejected: Rows that could not go in; each is in the reject file.
        unknown: Rows of calls that were sent and never answered for certain; see `unknown_rows`.
        ids: Database id by row, compact.
        rejects: The first rejects (`rejects_kept` at most); all of them are in the reject file.
        journal: The durable account, where one was kept.
        rejects_file: Where all rejects are; ``None`` where there are none, or no file was asked for.
        unknown_rows: The rows counted as unknown.
        unknown_reason: Why the first of them is unknown.
        not_read: The run ended before the input did (``on_reject="stop"``, an interrupt, a stop outcome).
        stopped: Why, in one line; empty where the run came to its end.
        seconds: Wall time of this attempt.
        requests: Calls sent, every kind.
        retries: Calls sent again.
        resumed: Rows that earlier attempts of this run had brought to an end.
        dry_run: Nothing was sent.
        tuning: Chosen chunk size and concurrency, workers, transport.
    """

    run_id: str
    model: str
    mode: str
    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    unknown: int = 0
    ids: IdMap = field(default_factory=IdMap)
    rejects: Sequence[Reject] = ()
    journal: Path | None = None
    rejects_file: Path | None = None
    unknown_rows: RowSet = field(default_factory=RowSet)
    unknown_reason: str = ""
    not_read: bool = False
    stopped: str = ""
    seconds: float = 0.0
    requests: int = 0
    retries: int = 0
    resumed: int = 0
    dry_run: bool = False
    tuning: dict[str, Any] = field(default_factory=dict)

    @property
    def rows_per_second(self) -> float:
        """Rows read by this attempt per second of wall time."""
        return (self.read - self.resumed) / self.seconds if self.seconds > 0 else 0.0

    @property
    def settled(self) -> int:
        """Rows that have come to their end: the sum of the counts."""
        return self.created + self.updated + self.unchanged + self.deleted + self.rejected + self.unknown

    @property
    def adds_up(self) -> bool:
        """Every row read is in exactly one count (in a dry run, good rows are in none)."""
        return self.dry_run or self.read == self.settled

    def raise_for_rejects(self) -> None:
        """Raise where a row is not in.

        Raises:
            RejectsError: Some rows were rejected or are unknown, or the run was stopped.
        """
        if self.rejected or self.unknown or self.stopped:
            text = f"{self.rejected} of {self.read} rows rejected, {self.unknown} unknown"
            raise RejectsError(f"{text}; {self.stopped}" if self.stopped else text, self)
