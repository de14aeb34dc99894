"""The main interface: `BatchManager`, its fluent `Batch` and its collecting `BatchContext`."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

from zenoo_fast.batch.batches import Batch, BatchContext, raise_for_failures
from zenoo_fast.batch.exceptions import BatchExecutionError, BatchValidationError
from zenoo_fast.batch.executor import BatchExecutor
from zenoo_fast.batch.operations import (
    BatchOperation,
    CreateOperation,
    DeleteOperation,
    UpdateOperation,
    check_size,
    validate_batch_operations,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from zenoo_fast.batch.progress import ProgressCallback

__all__ = ["Batch", "BatchContext", "BatchManager"]


class BatchManager:
    """Creates, updates and deletes many records in few calls.

    Args:
        client: A `ZenooClient`, or any object with ``execute_kw(model, method, args, kwargs)``, sync or async.
        max_chunk_size: Records a call at most.
        max_concurrency: Calls in flight at most.
        timeout: Seconds a call may take; ``None`` takes the client's own.
        workers: Worker processes for a `ZenooClient`: a number, or ``"auto"`` for two where the amount is worth it.
            Other clients always work in the caller's process.
        retry_attempts: How often a call that the server did not run, or rolled back for a transient reason, is sent
            again.

    Attributes:
        active_batches: Batches made and not yet run, by id.
        stats: ``total_batches completed_batches failed_batches total_operations total_records``; every run counts as
            one batch, a ``bulk_*`` call too. `get_stats()` gives a copy.

    Raises:
        BatchSizeError: `max_chunk_size` is not a positive integer.
        BatchValidationError: Another argument is out of range.

    Example:
        >>> manager = BatchManager(client)
        >>> ids = await manager.bulk_create("res.partner", [{"name": "Company A"}, {"name": "Company B"}])
    """

    def __init__(
        self,
        client: Any,
        max_chunk_size: int = 100,
        max_concurrency: int = 5,
        timeout: float | None = None,
        *,
        workers: int | Literal["auto"] = "auto",
        retry_attempts: int = 3,
    ) -> None:
        check_size(max_chunk_size)
        if workers != "auto" and (type(workers) is not int or workers < 0):
            raise BatchValidationError(f'Workers must be a number or "auto", not {workers!r}')
        self.client = client
        self.max_chunk_size = max_chunk_size
        self.max_concurrency = max_concurrency
        self.timeout = timeout
        self.workers = workers
        self.retry_attempts = retry_attempts
        self.active_batches: dict[str, Batch] = {}
        self.stats: dict[str, int] = {
            "total_batches": 0,
            "completed_batches": 0,
            "failed_batches": 0,
            "total_operations": 0,
            "total_records": 0,
        }
        self._executor(None)  # checks the other arguments

    def create_batch(self, batch_id: str | None = None) -> Batch:
        """A new batch to fill and run.

        Args:
            batch_id: Its id; made up without.
        """
        batch = Batch(self, batch_id or str(uuid.uuid4()))
        self.active_batches[batch.batch_id] = batch
        return batch

    def get_batch(self, batch_id: str) -> Batch | None:
        """A batch that was made and has not run yet."""
        return self.active_batches.get(batch_id)

    def get_stats(self) -> dict[str, Any]:
        """A copy of `stats`."""
        return dict(self.stats)

    async def execute_operations(
        self, operations: Sequence[BatchOperation], progress_callback: ProgressCallback | None = None
    ) -> dict[str, Any]:
        """Run operations: higher priorities first; of one priority those on the same records in order, others at once.

        Args:
            operations: What to do; never changed but for their status, times, result and error.
            progress_callback: Called after each chunk with one dictionary: ``completed total percentage stats`` (in
                chunks), ``records_completed records_total rejected records_per_second eta_seconds``. Sync or async;
                what it raises is logged.

        Returns:
            ``results`` (one dictionary a chunk, in input order), ``stats``, ``duration`` in seconds. A failed operation
            is told there; it raises nothing.

        Raises:
            BatchValidationError: Wrong data; nothing was sent.
        """
        validate_batch_operations(operations)
        return await self._run(operations, None, progress_callback)

    @asynccontextmanager
    async def batch(
        self, progress_callback: ProgressCallback | None = None, *, raise_on_error: bool = False
    ) -> AsyncIterator[BatchContext]:
        """Collect operations and run them on leaving the block; nothing runs when the block raises.

        Args:
            progress_callback: See `execute_operations`.
            raise_on_error: Raise where an operation failed; otherwise the context's ``results`` tell.

        Yields:
            The context to fill.

        Raises:
            BatchExecutionError: An operation failed, with `raise_on_error`.
        """
        context = BatchContext(self)
        yield context
        if context.operations:
            context.results = await self.execute_operations(context.operations, progress_callback)
            if raise_on_error:
                raise_for_failures(context.results)

    async def bulk_create(
        self,
        model: str,
        records: list[dict[str, Any]],
        chunk_size: int | None = None,
        context: dict[str, Any] | None = None,
    ) -> list[int]:
        """Create records.

        Args:
            model: Technical model name.
            records: Dictionaries field -> value; never changed.
            chunk_size: Records a call at most, instead of the manager's.
            context: Odoo context of the calls, merged over the user's own.

        Returns:
            The ids, in the order of `records`.

        Raises:
            BatchValidationError: Wrong data; nothing was sent.
            BatchExecutionError: Some records are not in; the others are. ``partial_results`` has ``ids`` (id or
                ``None`` per record), ``created`` and ``failed``, ``failed_operations`` the rejects.
        """
        operation = CreateOperation(model=model, data=records, context=context)
        await self._run_one(operation, chunk_size, "create", "created")
        ids: list[int] = operation.result or []
        return ids

    async def bulk_update(
        self,
        model: str,
        data: dict[str, Any] | list[dict[str, Any]],
        record_ids: list[int] | None = None,
        chunk_size: int | None = None,
        context: dict[str, Any] | None = None,
    ) -> bool:
        """Update records, all with the same values or each with its own, many to a call either way.

        Args:
            model: Technical model name.
            data: Values for all of `record_ids`, or a list of dictionaries, each with its ``id``; never changed.
            record_ids: Database ids, with a dictionary.
            chunk_size: Records a call at most, instead of the manager's.
            context: Odoo context of the calls, merged over the user's own.

        Returns:
            ``True``: every record was updated.

        Raises:
            BatchValidationError: Wrong data; nothing was sent.
            BatchExecutionError: Some records were not updated; the others were. See `bulk_create`.
        """
        operation = UpdateOperation(model=model, data=data, record_ids=record_ids, context=context)
        await self._run_one(operation, chunk_size, "update", "updated")
        return True

    async def bulk_delete(
        self,
        model: str,
        record_ids: list[int],
        chunk_size: int | None = None,
        context: dict[str, Any] | None = None,
    ) -> bool:
        """Delete records.

        Args:
            model: Technical model name.
            record_ids: Database ids.
            chunk_size: Records a call at most, instead of the manager's.
            context: Odoo context of the calls, merged over the user's own.

        Returns:
            ``True``: every record is gone.

        Raises:
            BatchValidationError: Wrong data; nothing was sent.
            BatchExecutionError: Some records are still there; the others are gone. See `bulk_create`.
        """
        operation = DeleteOperation(model=model, data=record_ids, context=context)
        await self._run_one(operation, chunk_size, "delete", "deleted")
        return True

    async def _run_one(self, operation: BatchOperation, chunk_size: int | None, verb: str, done: str) -> None:
        results = await self._run([operation], chunk_size, None)
        failed = [result for result in results["results"] if not result["success"]]
        if not failed:
            return
        rejects = [reject for result in failed for reject in result["rejects"]]
        size = operation.get_batch_size()
        partial: dict[str, Any] = {
            "ids": _ids_done(operation, {reject.row for reject in rejects}),
            done: size - len(rejects),
            "failed": len(rejects),
        }
        unknown = [reject.row for reject in rejects if reject.code == "unknown"]
        if unknown:
            partial["unknown"] = unknown
        raise BatchExecutionError(
            f"Bulk {verb} failed: {failed[0]['error']} ({len(rejects)} of {size} records, the others were {done})",
            rejects,
            partial,
            context={"error_type": failed[0]["error_type"]},
        )

    async def _run(
        self, operations: Sequence[BatchOperation], chunk_size: int | None, progress_callback: ProgressCallback | None
    ) -> dict[str, Any]:
        """Run checked operations and count them, whatever comes of them."""
        executor = self._executor(chunk_size)
        self.stats["total_batches"] += 1
        self.stats["total_operations"] += len(operations)
        self.stats["total_records"] += sum(operation.get_batch_size() for operation in operations)
        good = False
        try:
            results = await executor.run_checked(operations, progress_callback)
            good = results["stats"]["failed_operations"] == 0
        finally:
            self.stats["completed_batches" if good else "failed_batches"] += 1
        return results

    def _executor(self, chunk_size: int | None) -> BatchExecutor:
        return BatchExecutor(
            client=self.client,
            max_chunk_size=self.max_chunk_size if chunk_size is None else check_size(chunk_size),
            max_concurrency=self.max_concurrency,
            timeout=self.timeout,
            retry_attempts=self.retry_attempts,
            workers=self.workers,
        )


def _ids_done(operation: BatchOperation, failed: set[int]) -> list[int | None]:
    """The id of each record that went in, ``None`` for the others, in input order."""
    if isinstance(operation, CreateOperation):
        return list(operation.result or ())
    if isinstance(operation, UpdateOperation):
        ids = operation.record_ids or [record["id"] for record in operation.data]
    else:
        ids = operation.data
    return [None if row in failed else record_id for row, record_id in enumerate(ids)]
