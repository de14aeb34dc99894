"""Compensating transactions: what was done is undone when the block raises."""

from zenoo_fast.transaction.context import (
    SavepointContext,
    TransactionContext,
    atomic,
    savepoint,
    transaction,
    tx_context,
)
from zenoo_fast.transaction.exceptions import (
    NestedTransactionError,
    TransactionCommitError,
    TransactionError,
    TransactionRollbackError,
    TransactionSetupError,
    TransactionStateError,
)
from zenoo_fast.transaction.manager import TransactionManager
from zenoo_fast.transaction.records import OperationRecord, Savepoint, TransactionState
from zenoo_fast.transaction.transaction import Transaction

__all__ = [
    "NestedTransactionError",
    "OperationRecord",
    "Savepoint",
    "SavepointContext",
    "Transaction",
    "TransactionCommitError",
    "TransactionContext",
    "TransactionError",
    "TransactionManager",
    "TransactionRollbackError",
    "TransactionSetupError",
    "TransactionState",
    "TransactionStateError",
    "atomic",
    "savepoint",
    "transaction",
    "tx_context",
]
