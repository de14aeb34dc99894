"""The contract of a progress reporter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from zenoo_fast.engine.outcome import Outcome
    from zenoo_fast.engine.report import ImportReport


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a run is, told once at its start.

    Attributes:
        run_id: The run's id.
        model: Model name.
        mode: ``"create"``, ``"upsert"`` …
        source: The input's name as the user gave it.
        total: Records of the input where known.
        total_bytes: Bytes of the input where known.
        workers: Worker processes (0: none).
        transport: Name of the transport.
    """

    run_id: str
    model: str
    mode: str
    source: str
    total: int | None
    total_bytes: int | None
    workers: int
    transport: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands.

    Attributes:
        read: Records read so far.
        position: Bytes of the input read so far (0 where it has none).
        done: Records with a final state.
        created: See `ImportReport`, likewise the five that follow.
        seconds: Since the run's start.
        rows_per_second: Over the last seconds.
        eta_seconds: Until the end, where it can be told.
        in_flight: Calls in flight.
        chunk_size: Records a call now.
        concurrency: Calls allowed in flight now.
        requests: Calls sent so far.
        retries: Calls sent again so far.
        note: What the run waits for (an outage), else empty.
    """

    read: int = 0
    position: int = 0
    done: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    unknown: int = 0
    seconds: float = 0.0
    rows_per_second: float = 0.0
    eta_seconds: float | None = None
    in_flight: int = 0
    chunk_size: int = 0
    concurrency: int = 0
    requests: int = 0
    retries: int = 0
    note: str = ""


class ProgressReporter(Protocol):
    """Told how a run goes, in the coordinator's process and loop. Must not block; what it raises is logged, once."""

    def start(self, run: RunInfo, /) -> None:
        """The run begins."""

    def update(self, progress: Progress, /) -> None:
        """Something moved; called at most some ten times a second."""

    def finish(self, report: ImportReport, /) -> None:
        """The run has ended, however it did."""


@runtime_checkable
class CallReporter(Protocol):
    """A progress reporter that wants to know of every call, too."""

    def called(self, outcome: Outcome, records: int, /) -> None:
        """One call that carried records has ended; `Outcome.seconds` is how long it took."""
