"""Runs operations: splits them into chunks, orders them, and tells what came of each chunk."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from typing import TYPE_CHECKING, Any, Literal

from zenoo_fast.batch.exceptions import BatchValidationError
from zenoo_fast.batch.operations import BatchOperation, check_size, validate_batch_operations
from zenoo_fast.batch.plan import check_values
from zenoo_fast.batch.progress import Meter, ProgressCallback, tell
from zenoo_fast.batch.road import Road, open_road
from zenoo_fast.batch.work import OperationRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

logger = logging.getLogger(__name__)


class BatchExecutor:
    """Runs operations against one client.

    Args:
        client: A `ZenooClient`, or any object with ``execute_kw(model, method, args, kwargs)``, sync or async.
        max_chunk_size: Records a call at most.
        max_concurrency: Calls in flight at most.
        timeout: Seconds a call may take; ``None`` takes the client's own.
        retry_attempts: How often a call that the server did not run, or rolled back for a transient reason, is sent
            again.
        workers: See `BatchManager`.

    Attributes:
        stats: ``total_operations completed_operations failed_operations total_records processed_records start_time
            end_time`` of the last run; `get_stats()` gives a copy.

    Raises:
        BatchSizeError: `max_chunk_size` is not a positive integer.
        BatchValidationError: Another argument is out of range.
    """

    def __init__(
        self,
        client: Any,
        max_chunk_size: int = 100,
        max_concurrency: int = 5,
        timeout: float | None = None,
        retry_attempts: int = 3,
        *,
        workers: int | Literal["auto"] = 0,
    ) -> None:
        check_size(max_chunk_size)
        if type(max_concurrency) is not int or max_concurrency < 1:
            raise BatchValidationError(f"Concurrency must be a positive integer, not {max_concurrency!r}")
        if timeout is not None and (isinstance(timeout, bool) or not timeout > 0):
            raise BatchValidationError(f"Timeout must be a positive number of seconds or None, not {timeout!r}")
        if type(retry_attempts) is not int or retry_attempts < 0:
            raise BatchValidationError(f"Retry attempts must be a number from 0, not {retry_attempts!r}")
        self.client = client
        self.max_chunk_size = max_chunk_size
        self.max_concurrency = max_concurrency
        self.timeout = timeout
        self.retry_attempts = retry_attempts
        self.workers = workers
        self.stats: dict[str, Any] = _fresh_stats()

    async def execute_operations(
        self, operations: Sequence[BatchOperation], progress_callback: ProgressCallback | None = None
    ) -> dict[str, Any]:
        """Run operations; see `BatchManager.execute_operations`.

        Returns:
            ``{"results": [...], "stats": {...}, "duration": seconds}``; empty results for no operations. A result is
            one chunk's: ``success operation_id operation_type model record_count duration``, then ``result`` (the ids
            of a create, else ``True``) or ``error``, ``error_type`` and ``rejects``.

        Raises:
            BatchValidationError: Wrong data; nothing was sent.
        """
        if not operations:
            return {"results": [], "stats": dict(self.stats), "duration": 0.0}
        validate_batch_operations(operations)
        return await self.run_checked(operations, progress_callback)

    async def run_checked(
        self, operations: Sequence[BatchOperation], progress_callback: ProgressCallback | None = None
    ) -> dict[str, Any]:
        """Run operations whose data has just been checked; see `execute_operations`."""
        records = sum(operation.get_batch_size() for operation in operations)
        self.stats = {
            **_fresh_stats(),
            "total_operations": len(operations),
            "total_records": records,
            "start_time": time.time(),
        }
        started = time.perf_counter()
        runs = [OperationRun(operation, self.max_chunk_size) for operation in operations]
        meter = Meter(sum(run.chunk_count for run in runs), records)
        slots = asyncio.Semaphore(self.max_concurrency)
        try:
            async with open_road(
                self.client,
                timeout=self.timeout,
                retry_attempts=self.retry_attempts,
                workers=self.workers,
                records=records,
            ) as road:
                for operation in operations:
                    check_values(operation, road)
                for level in _levels(runs):
                    async with asyncio.TaskGroup() as group:
                        for run, before in _ordered(level):
                            group.create_task(self._run(run, before, road, slots, meter, progress_callback))
        except BaseExceptionGroup as group:
            # What failed here is no record's fault: the caller gets the first error itself.
            raise _first_of(group) from group
        finally:
            self.stats["end_time"] = time.time()
        return {
            "results": [result for run in runs for result in run.results],
            "stats": self.get_stats(),
            "duration": time.perf_counter() - started,
        }

    def get_stats(self) -> dict[str, Any]:
        """A copy of `stats`, after a run with ``duration operations_per_second records_per_second``."""
        stats = dict(self.stats)
        if stats["start_time"] and stats["end_time"]:
            duration = stats["duration"] = stats["end_time"] - stats["start_time"]
            stats["operations_per_second"] = stats["completed_operations"] / duration if duration > 0 else 0.0
            stats["records_per_second"] = stats["processed_records"] / duration if duration > 0 else 0.0
        return stats

    async def _run(
        self,
        run: OperationRun,
        before: Sequence[OperationRun],
        road: Road,
        slots: asyncio.Semaphore,
        meter: Meter,
        progress_callback: ProgressCallback | None,
    ) -> None:
        """One operation, after those it must not overtake; its chunks take the slots as they become free."""
        try:
            for other in before:
                await other.ended.wait()
            await run.prepare(road)
            if run.in_order:
                for index in range(run.chunk_count):
                    async with slots:
                        await self._chunk(run, index, meter, progress_callback)
            else:
                async with asyncio.TaskGroup() as group:
                    for index in range(run.chunk_count):
                        await slots.acquire()
                        task = group.create_task(self._chunk(run, index, meter, progress_callback))
                        task.add_done_callback(lambda _: slots.release())
        finally:
            self._finish(run)

    async def _chunk(
        self, run: OperationRun, index: int, meter: Meter, progress_callback: ProgressCallback | None
    ) -> None:
        good, bad = await run.settle(index)
        self.stats["processed_records"] += good
        meter.chunk_done(good, bad)
        if run.all_settled():
            self._finish(run)
        if progress_callback is not None:
            await tell(progress_callback, meter.progress(self.stats))

    def _finish(self, run: OperationRun) -> None:
        if not run.ended.is_set():
            run.finish()
            self.stats["completed_operations" if run.operation.is_successful() else "failed_operations"] += 1


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first


def _fresh_stats() -> dict[str, Any]:
    return {
        "total_operations": 0,
        "completed_operations": 0,
        "failed_operations": 0,
        "total_records": 0,
        "processed_records": 0,
        "start_time": None,
        "end_time": None,
    }


def _levels(runs: Iterable[OperationRun]) -> Iterable[list[OperationRun]]:
    """Operations of one priority each, from high to low; within one in the order they were added."""

    def priority(run: OperationRun) -> int:
        return -run.operation.priority

    return (list(level) for _, level in itertools.groupby(sorted(runs, key=priority), key=priority))


def _ordered(level: Sequence[OperationRun]) -> Iterable[tuple[OperationRun, list[OperationRun]]]:
    """Each operation with those before it that touch a record of its own.

    Waiting for the last one that touched a record is enough: that one has waited for those before it.
    """
    if len(level) == 1:
        yield level[0], []
        return
    last: dict[tuple[str, int], OperationRun] = {}
    for run in level:
        touched = {(run.operation.model, record_id) for record_id in run.touched_ids()}
        before = {id(last[key]): last[key] for key in touched if key in last}
        last.update(dict.fromkeys(touched, run))
        yield run, list(before.values())
