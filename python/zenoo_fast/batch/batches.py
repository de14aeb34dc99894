"""Operations collected to run together: the fluent `Batch`, and the `BatchContext` of ``manager.batch()``."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Self

from zenoo_fast.batch.exceptions import BatchError, BatchExecutionError
from zenoo_fast.batch.operations import BatchOperation, CreateOperation, DeleteOperation, UpdateOperation
from zenoo_fast.batch.progress import ProgressCallback

if TYPE_CHECKING:
    from zenoo_fast.batch.manager import BatchManager


class BatchContext:
    """Collects operations; the manager runs them when the block is left. Its methods may be awaited or not.

    Attributes:
        manager: The manager that runs it.
        operations: What was added so far, in order.
        results: What `BatchManager.execute_operations` answered; ``None`` before that.
    """

    def __init__(self, manager: BatchManager) -> None:
        self.manager = manager
        self.operations: list[BatchOperation] = []
        self.results: dict[str, Any] | None = None

    def create(
        self,
        model: str,
        data: list[dict[str, Any]] | None = None,
        context: dict[str, Any] | None = None,
        *,
        records: list[dict[str, Any]] | None = None,
        priority: int = 0,
    ) -> CreateOperation:
        """Add the creation of records (`data` and `records` are two names of the same).

        Raises:
            BatchValidationError: Wrong data.
        """
        chosen: Any = data if records is None else records
        operation = CreateOperation(model=model, data=chosen, context=context, priority=priority)
        self.operations.append(operation)
        return operation

    def update(
        self,
        model: str,
        record_ids: list[int] | None = None,
        data: dict[str, Any] | list[dict[str, Any]] | None = None,
        context: dict[str, Any] | None = None,
        *,
        priority: int = 0,
    ) -> UpdateOperation:
        """Add the update of these records with the same values, or of each with its own (a list with ids in it).

        Raises:
            BatchValidationError: Wrong data.
        """
        operation = UpdateOperation(model=model, data=data, record_ids=record_ids, context=context, priority=priority)
        self.operations.append(operation)
        return operation

    def delete(
        self, model: str, record_ids: list[int], context: dict[str, Any] | None = None, *, priority: int = 0
    ) -> DeleteOperation:
        """Add the deletion of these records.

        Raises:
            BatchValidationError: Wrong ids.
        """
        operation = DeleteOperation(model=model, data=record_ids, context=context, priority=priority)
        self.operations.append(operation)
        return operation

    unlink = delete

    def get_stats(self) -> dict[str, int]:
        """``total_operations completed_operations failed_operations``; all zero before it has run."""
        names = ("total_operations", "completed_operations", "failed_operations")
        stats = self.results["stats"] if self.results else {}
        return {name: stats.get(name, 0) for name in names}


class Batch:
    """Operations to run together, built one call after the other; its methods may be awaited or not.

    Attributes:
        manager: The manager that runs it.
        batch_id: Its id.
        operations: What was added so far, in order.
        executed: It has run, well or not: a batch runs once.
        results: What `BatchManager.execute_operations` answered; ``None`` before that.

    Example:
        >>> batch = manager.create_batch()
        >>> batch.create("res.partner", [{"name": "Company A"}]).unlink("res.partner", [4, 5, 6])
        >>> results = await batch.execute()
    """

    def __init__(self, manager: BatchManager, batch_id: str) -> None:
        self.manager = manager
        self.batch_id = batch_id
        self.operations: list[BatchOperation] = []
        self.executed = False
        self.results: dict[str, Any] | None = None

    def __await__(self) -> Generator[None, None, Self]:
        """Awaiting a batch gives the batch: callers write ``await batch.create(...)`` too."""
        yield from ()
        return self

    def create(
        self,
        model: str,
        records: list[dict[str, Any]] | None = None,
        context: dict[str, Any] | None = None,
        priority: int = 0,
        *,
        data: list[dict[str, Any]] | None = None,
    ) -> Self:
        """Add the creation of records (`records` and `data` are two names of the same).

        Raises:
            BatchValidationError: Wrong data.
            BatchError: The batch has run already.
        """
        chosen: Any = records if data is None else data
        return self.add_operation(CreateOperation(model=model, data=chosen, context=context, priority=priority))

    def update(
        self,
        model: str,
        data: dict[str, Any] | list[dict[str, Any]],
        record_ids: list[int] | None = None,
        context: dict[str, Any] | None = None,
        priority: int = 0,
    ) -> Self:
        """Add the update of `record_ids` with the same values, or of each record with its own (a list with ids in it).

        Raises:
            BatchValidationError: Wrong data.
            BatchError: The batch has run already.
        """
        return self.add_operation(
            UpdateOperation(model=model, data=data, record_ids=record_ids, context=context, priority=priority)
        )

    def delete(
        self, model: str, record_ids: list[int], context: dict[str, Any] | None = None, priority: int = 0
    ) -> Self:
        """Add the deletion of records.

        Raises:
            BatchValidationError: Wrong ids.
            BatchError: The batch has run already.
        """
        return self.add_operation(DeleteOperation(model=model, data=record_ids, context=context, priority=priority))

    unlink = delete

    def add_operation(self, operation: BatchOperation) -> Self:
        """Add an operation.

        Raises:
            BatchError: The batch has run already.
        """
        if self.executed:
            raise BatchError(f"Cannot add operations to executed batch {self.batch_id}", self.batch_id)
        self.operations.append(operation)
        return self

    async def execute(self, progress_callback: ProgressCallback | None = None) -> dict[str, Any]:
        """Run the operations, once.

        Args:
            progress_callback: See `BatchManager.execute_operations`.

        Returns:
            See `BatchManager.execute_operations`; kept in `results`.

        Raises:
            BatchError: It has run already, or there is nothing to run.
            BatchValidationError: Wrong data; nothing was sent.
        """
        if self.executed:
            raise BatchError(f"Batch {self.batch_id} has already been executed", self.batch_id)
        if not self.operations:
            raise BatchError(f"Batch {self.batch_id} has no operations to execute", self.batch_id)
        self.executed = True
        try:
            self.results = await self.manager.execute_operations(self.operations, progress_callback)
        finally:
            self.manager.active_batches.pop(self.batch_id, None)
        return self.results

    def raise_for_failures(self) -> None:
        """Raise where an operation failed.

        Raises:
            BatchExecutionError: See `raise_for_failures`.
        """
        if self.results is not None:
            raise_for_failures(self.results, self.batch_id)

    def get_operation_count(self) -> int:
        """Number of operations."""
        return len(self.operations)

    def get_record_count(self) -> int:
        """Number of records of all operations."""
        return sum(operation.get_batch_size() for operation in self.operations)

    def clear(self) -> Self:
        """Forget the operations.

        Raises:
            BatchError: The batch has run already.
        """
        if self.executed:
            raise BatchError(f"Cannot clear executed batch {self.batch_id}", self.batch_id)
        self.operations.clear()
        return self


def raise_for_failures(results: dict[str, Any], batch_id: str | None = None) -> None:
    """Raise where an operation of these results failed.

    Raises:
        BatchExecutionError: ``failed_operations`` are the failed results, ``partial_results`` all of `results`.
    """
    failed = [result for result in results["results"] if not result["success"]]
    if failed:
        stats = results["stats"]
        raise BatchExecutionError(
            f"Batch execution failed: {failed[0]['error']} "
            f"({stats['failed_operations']} of {stats['total_operations']} operations)",
            failed,
            results,
            batch_id=batch_id,
        )
