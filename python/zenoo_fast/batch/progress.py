"""How a batch tells where it stands."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

ProgressDict: TypeAlias = dict[str, Any]
ProgressCallback: TypeAlias = Callable[[ProgressDict], Awaitable[None] | None]
"""Called after each chunk with `Meter.progress()`; sync or async, what it raises is logged and changes nothing."""

logger = logging.getLogger(__name__)


async def tell(callback: ProgressCallback, progress: ProgressDict) -> None:
    """Call a progress callback; an error of its own is logged and never fails a run."""
    try:
        answer: object = callback(progress)
        if inspect.isawaitable(answer):
            await answer
    except Exception as error:
        logger.error("Progress callback error: %s", error)  # noqa: TRY400 - the traceback is at debug level
        logger.debug("Progress callback error", exc_info=True)


class Meter:
    """Counts the chunks and records of one run.

    Args:
        total: Chunks of the run.
        records: Records of the run.
        clock: Monotonic seconds.
    """

    def __init__(self, total: int, records: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self.total = total
        self.records = records
        self.completed = 0
        self.records_completed = 0
        self.rejected = 0

    def chunk_done(self, good: int, bad: int) -> None:
        """One more chunk has come to its end."""
        self.completed += 1
        self.records_completed += good + bad
        self.rejected += bad

    def progress(self, stats: dict[str, Any]) -> ProgressDict:
        """Where the run stands: ``completed total percentage`` in chunks, the rest in records and seconds."""
        seconds = self._clock() - self._start
        rate = self.records_completed / seconds if seconds > 0 else 0.0
        left = self.records - self.records_completed
        return {
            "completed": self.completed,
            "total": self.total,
            "percentage": self.completed / self.total * 100 if self.total else 100.0,
            "stats": dict(stats),
            "records_completed": self.records_completed,
            "records_total": self.records,
            "rejected": self.rejected,
            "records_per_second": rate,
            "eta_seconds": left / rate if rate > 0 else None,
        }


class BatchProgressTracker:
    """Hands a batch's progress to any number of callbacks and keeps its history.

    Example:
        >>> tracker = BatchProgressTracker()
        >>> tracker.add_callback(print)
        >>> async with batch_context(client, progress_callback=tracker.callback) as batch:
        ...     batch.create("res.partner", [{"name": "Company A"}])
    """

    def __init__(self) -> None:
        self.callbacks: list[ProgressCallback] = []
        self.current_progress: ProgressDict | None = None
        self.history: list[ProgressDict] = []

    def add_callback(self, callback: ProgressCallback) -> None:
        """Also tell this one, a function or a coroutine function of one dictionary."""
        self.callbacks.append(callback)

    set_callback = add_callback

    def remove_callback(self, callback: ProgressCallback) -> None:
        """Tell this one no longer; unknown ones are passed over."""
        if callback in self.callbacks:
            self.callbacks.remove(callback)

    async def callback(self, progress: ProgressDict) -> None:
        """The ``progress_callback`` to hand to a batch."""
        self.current_progress = progress
        self.history.append(dict(progress))
        for callback in list(self.callbacks):
            await tell(callback, progress)

    def get_current_progress(self) -> ProgressDict | None:
        """The last progress; ``None`` before the first."""
        return self.current_progress

    def get_history(self) -> list[ProgressDict]:
        """Every progress so far, oldest first; a copy."""
        return list(self.history)

    def clear_history(self) -> None:
        """Forget all progress so far."""
        self.history.clear()
        self.current_progress = None
