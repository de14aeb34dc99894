"""Contexts that collect operations and run them on their way out."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from zenoo_fast.batch.exceptions import BatchError, BatchExecutionError, BatchValidationError
from zenoo_fast.batch.manager import Batch, BatchManager
from zenoo_fast.batch.operations import OperationType
from zenoo_fast.batch.progress import BatchProgressTracker, ProgressCallback

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

__all__ = ["BatchOperationCollector", "BatchProgressTracker", "batch_context", "batch_operation"]

logger = logging.getLogger(__name__)


@asynccontextmanager
async def batch_context(
    client: Any,
    auto_execute: bool = True,
    progress_callback: ProgressCallback | None = None,
    max_chunk_size: int = 100,
    max_concurrency: int = 5,
    *,
    raise_on_error: bool = False,
) -> AsyncIterator[Batch]:
    """A batch without a manager of one's own; it runs when the block is left, and not at all when the block raises.

    Args:
        client: A `ZenooClient`, or any object with ``execute_kw(model, method, args, kwargs)``, sync or async.
        auto_execute: Run the batch on leaving the block.
        progress_callback: See `BatchManager.execute_operations`.
        max_chunk_size: Records a call at most.
        max_concurrency: Calls in flight at most.
        raise_on_error: Raise where an operation failed; otherwise ``batch.results`` tells.

    Yields:
        The batch to fill.

    Raises:
        BatchExecutionError: An operation failed, with `raise_on_error`.

    Example:
        >>> async with batch_context(client) as batch:
        ...     batch.create("res.partner", [{"name": "Company A"}])
        ...     batch.update("res.partner", {"active": False}, record_ids=[1, 2])
    """
    manager = BatchManager(client=client, max_chunk_size=max_chunk_size, max_concurrency=max_concurrency)
    batch = manager.create_batch()
    try:
        yield batch
        if auto_execute and batch.executed is not True and batch.get_operation_count() > 0:
            await batch.execute(progress_callback)
            if raise_on_error:
                batch.raise_for_failures()
    except Exception as error:
        logger.error("Batch context error: %s", error)  # noqa: TRY400 - the caller gets the exception itself
        raise


@asynccontextmanager
async def batch_operation(
    client: Any,
    model: str,
    operation_type: str | OperationType,
    chunk_size: int | None = None,
    context: dict[str, Any] | None = None,
) -> AsyncIterator[BatchOperationCollector]:
    """Collect records for one operation; it runs when the block is left, and not at all when the block raises.

    Args:
        client: See `batch_context`.
        model: Technical model name.
        operation_type: ``"create"``, ``"update"``, ``"delete"`` or ``"unlink"``.
        chunk_size: Records a call at most (100 without).
        context: Odoo context of the calls.

    Yields:
        The collector to fill.

    Raises:
        BatchError: An unknown operation type, wrong data.
        BatchExecutionError: A record could not go in.

    Example:
        >>> async with batch_operation(client, "res.partner", "create") as collector:
        ...     collector.add({"name": "Company A"})
    """
    collector = BatchOperationCollector(
        client=client, model=model, operation_type=operation_type, chunk_size=chunk_size, context=context
    )
    try:
        yield collector
        if collector.has_data() and collector.executed is not True:
            await collector.execute()
    except Exception as error:
        logger.error("Batch operation context error: %s", error)  # noqa: TRY400 - the caller gets the exception itself
        raise


class BatchOperationCollector:
    """Collects the records of one operation and runs it, once.

    Attributes:
        client: See `batch_context`.
        model: Technical model name.
        operation_type: In small letters.
        chunk_size: Records a call at most; ``None`` takes 100.
        context: Odoo context of the calls.
        data: What was added so far.
        executed: It has run, well or not.
        results: What the manager's ``bulk_*`` answered.

    Raises:
        BatchError: An unknown operation type.
    """

    def __init__(
        self,
        client: Any,
        model: str,
        operation_type: str | OperationType,
        chunk_size: int | None = None,
        context: dict[str, Any] | None = None,
    ) -> None:
        name = operation_type.value if isinstance(operation_type, OperationType) else str(operation_type).lower()
        if name not in {kind.value for kind in OperationType}:
            raise BatchError(f"Invalid operation type: {operation_type}")
        self.client = client
        self.model = model
        self.operation_type: str = name
        self.chunk_size = chunk_size
        self.context = context
        self.data: list[Any] = []
        self.executed = False
        self.results: Any | None = None

    def add(self, item: Any) -> None:
        """Add a dictionary (create, or update with its ``id``) or a database id (delete).

        Raises:
            BatchError: It has run already.
        """
        self._check_open("add items to")
        self.data.append(item)

    def add_many(self, items: Iterable[Any]) -> None:
        """Add several.

        Raises:
            BatchError: It has run already.
        """
        self._check_open("add items to")
        self.data.extend(items)

    def has_data(self) -> bool:
        """Something was added."""
        return bool(self.data)

    def get_count(self) -> int:
        """Number of records added."""
        return len(self.data)

    async def execute(self) -> Any:
        """Run the operation.

        Returns:
            The ids of a create in the order they were added, else ``True``.

        Raises:
            BatchError: It has run already, nothing was added, wrong data.
            BatchExecutionError: A record could not go in; see `BatchManager.bulk_create`.
        """
        if self.executed:
            raise BatchError("Batch operation already executed")
        if not self.data:
            raise BatchError("No data to execute")
        self.executed = True  # whatever comes of it: a second run would double what the first one did
        manager = BatchManager(client=self.client, max_chunk_size=self.chunk_size or 100)
        try:
            self.results = await self._run(manager)
        except BatchExecutionError as error:
            raise BatchExecutionError(
                f"Batch execution failed: {error}",
                error.failed_operations,
                error.partial_results,
                batch_id=error.batch_id,
                context=error.context,
            ) from error
        except BatchValidationError:
            raise
        except Exception as error:
            raise BatchError(f"Batch execution failed: {error}") from error
        return self.results

    def clear(self) -> None:
        """Forget what was added.

        Raises:
            BatchError: It has run already.
        """
        self._check_open("clear")
        self.data.clear()

    async def _run(self, manager: BatchManager) -> Any:
        common: dict[str, Any] = {"model": self.model, "chunk_size": self.chunk_size, "context": self.context}
        if self.operation_type == "create":
            return await manager.bulk_create(records=self.data, **common)
        if self.operation_type == "update":
            return await manager.bulk_update(data=self.data, **common)
        return await manager.bulk_delete(record_ids=self.data, **common)

    def _check_open(self, doing: str) -> None:
        if self.executed:
            raise BatchError(f"Cannot {doing} executed batch")
