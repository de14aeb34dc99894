"""Batches: many records created, updated and deleted in few calls, with nothing lost on the way."""

from zenoo_fast.batch.context import BatchOperationCollector, BatchProgressTracker, batch_context, batch_operation
from zenoo_fast.batch.exceptions import (
    BatchError,
    BatchExecutionError,
    BatchSizeError,
    BatchTimeoutError,
    BatchValidationError,
)
from zenoo_fast.batch.executor import BatchExecutor
from zenoo_fast.batch.manager import Batch, BatchContext, BatchManager
from zenoo_fast.batch.operations import (
    BatchOperation,
    CreateOperation,
    DeleteOperation,
    OperationStatus,
    OperationType,
    UpdateOperation,
    create_batch_operation,
    validate_batch_operations,
)

__all__ = [
    "Batch",
    "BatchContext",
    "BatchError",
    "BatchExecutionError",
    "BatchExecutor",
    "BatchManager",
    "BatchOperation",
    "BatchOperationCollector",
    "BatchProgressTracker",
    "BatchSizeError",
    "BatchTimeoutError",
    "BatchValidationError",
    "CreateOperation",
    "DeleteOperation",
    "OperationStatus",
    "OperationType",
    "UpdateOperation",
    "batch_context",
    "batch_operation",
    "create_batch_operation",
    "validate_batch_operations",
]
