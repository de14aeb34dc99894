"""What became of one block: what a task hands back to the driver. Plain data, picklable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zenoo_fast._core import IdMap, RowSet
from zenoo_fast.engine.journal_file import JournalState
from zenoo_fast.engine.outcome import Reject
from zenoo_fast.engine.report import ImportReport

NO_IDS = IdMap().to_bytes()
NO_ROWS = RowSet().to_bytes()


@dataclass(frozen=True, slots=True)
class BlockResult:
    """The account of one block, as an `ImportReport` is of a run; rows are counted from the block's begin.

    Attributes:
        task: Number of the task that wrote it.
        rows: How many it has; more than `read` where the run was stopped.
        ids: `IdMap` as bytes.
        unknown_rows: `RowSet` as bytes.
        rejects: The first of them.
        attempts: How often Ray began it.
        rejects_file: Of a block that was cut off: its own; else its rejects have been handed to the ledger.
        rejects_bytes: How much of that file is accounted for.
    """

    task: int
    rows: int
    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    unknown: int = 0
    ids: bytes = NO_IDS
    unknown_rows: bytes = NO_ROWS
    unknown_reason: str = ""
    rejects: Sequence[Reject] = ()
    not_read: bool = False
    stopped: str = ""
    requests: int = 0
    retries: int = 0
    resumed: int = 0
    transport: str = ""
    attempts: int = 1
    rejects_file: str = ""
    rejects_bytes: int = 0

    @classmethod
    def of(cls, report: ImportReport, task: int, rows: int, room: int) -> BlockResult:
        """From the report of the block's import.

        Args:
            report: The report.
            task: Number of the task.
            rows: Rows of the block.
            room: How many rejects the driver still keeps.
        """
        return cls(
            task,
            rows,
            report.read,
            report.created,
            report.updated,
            report.unchanged,
            report.deleted,
            report.rejected,
            report.unknown,
            report.ids.to_bytes(),
            report.unknown_rows.to_bytes(),
            report.unknown_reason,
            tuple(report.rejects[:room]),
            report.not_read,
            report.stopped,
            report.requests,
            report.retries,
            report.resumed,
            str(report.tuning.get("transport", "")),
        )

    @classmethod
    def all_unknown(cls, task: int, rows: int, reason: str) -> BlockResult:
        """A block that was sent, and that nothing more can be found out about."""
        return cls(
            task,
            rows,
            read=rows,
            unknown=rows,
            unknown_rows=RowSet([(0, rows)]).to_bytes(),
            unknown_reason=reason,
        )

    @classmethod
    def not_begun(cls, task: int, rows: int, reason: str) -> BlockResult:
        """A block of which nothing was sent."""
        return cls(task, rows, not_read=rows > 0, stopped=reason)

    @classmethod
    def of_journal(cls, state: JournalState, task: int, rows: int, reason: str) -> BlockResult:
        """What the journal of a block says that was cut off."""
        doubted = len(state.in_doubt)
        counts: dict[str, Any] = {one.value: count for one, count in state.counts.items()}
        read = len(state.done) + doubted
        return cls(
            task,
            rows,
            read=read,
            **counts,
            unknown=doubted,
            ids=state.ids.to_bytes(),
            unknown_rows=state.in_doubt.to_bytes(),
            unknown_reason=reason if doubted else "",
            rejects=tuple(state.rejects),
            not_read=read < rows,
            stopped=reason,
            rejects_file=str(state.rejects_path or ""),
            rejects_bytes=state.rejects_bytes,
        )
