"""Begins and ends the transactions of a client."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from zenoo_fast.engine.observe import current_observer, finish_before_cancel, observing
from zenoo_fast.transaction.exceptions import TransactionRollbackError, TransactionStateError
from zenoo_fast.transaction.records import OperationRecord, Savepoint, TransactionState
from zenoo_fast.transaction.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["OperationRecord", "Savepoint", "Transaction", "TransactionManager", "TransactionState"]

logger = logging.getLogger(__name__)

_TOLD_IDS = 1000
"""Pairs of old and new ids in an exception's note; all of them are in `Transaction.recreated_ids`."""


class TransactionManager:
    """Begins and ends the transactions of a client.

    Args:
        client: A `ZenooClient`, or another client object whose changes go through the `BatchManager` or are recorded
            by hand.

    Attributes:
        active_transactions: Transactions that have not ended, by id.
        successful_transactions: How many were committed.
        failed_transactions: How many were rolled back, or could not be.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.active_transactions: dict[str, Transaction] = {}
        self.successful_transactions = 0
        self.failed_transactions = 0

    @property
    def current_transaction(self) -> Transaction | None:
        """The transaction of the running task, the innermost one of this client; other tasks have their own."""
        current = current_observer()
        return self._innermost(current) if isinstance(current, Transaction) else None

    def _innermost(self, transaction: Transaction) -> Transaction | None:
        found = transaction.for_client(self.client)
        return found if isinstance(found, Transaction) else None

    @asynccontextmanager
    async def transaction(
        self, transaction_id: str | None = None, auto_commit: bool = True, *, auto_rollback: bool = True
    ) -> AsyncIterator[Transaction]:
        """Record what the client and its `BatchManager` change in the block; undo it when the block raises.

        Inside another transaction of this client it is nested: committing joins that one. Tasks started in the block
        belong to it; await them in the block.

        Args:
            transaction_id: Its id; made up without.
            auto_commit: Commit on leaving the block. Without it, and without a ``commit`` or ``rollback`` in the
                block, what was done stays, with a warning.
            auto_rollback: Undo when the block raises, or its task is cancelled.

        Yields:
            The transaction.

        Raises:
            TransactionRollbackError: The block raised, and some of it could not be undone; the block's exception is
                its ``original_error``. (Where the task was cancelled, it is the cause of the ``CancelledError``.)
            TransactionStateError: A transaction of that id is active.
        """
        if transaction_id is not None and transaction_id in self.active_transactions:
            raise TransactionStateError(f"Transaction {transaction_id} is active already", transaction_id)
        transaction = Transaction(self.client, transaction_id, self.current_transaction, outer=current_observer())
        self.active_transactions[transaction.id] = transaction
        try:
            with observing(transaction):
                try:
                    yield transaction
                    if auto_commit and transaction.is_active:
                        await transaction.commit()
                except GeneratorExit:
                    raise  # the block was abandoned, not left: nothing can be awaited any more
                except BaseException as error:
                    if auto_rollback:
                        await _undo(transaction, error)
                    raise
                if transaction.is_active:
                    logger.warning(
                        "Transaction %s was neither committed nor rolled back: what it did stays", transaction.id
                    )
        finally:
            if transaction.state is TransactionState.COMMITTED:
                self.successful_transactions += 1
            elif transaction.state is not TransactionState.ACTIVE:
                self.failed_transactions += 1
            self.active_transactions.pop(transaction.id, None)

    def get_current_transaction(self) -> Transaction | None:
        """See `current_transaction`."""
        return self.current_transaction

    def get_transaction(self, transaction_id: str) -> Transaction | None:
        """An active transaction by its id."""
        return self.active_transactions.get(transaction_id)

    async def rollback_all(self) -> None:
        """Roll back every active transaction, the youngest first.

        Raises:
            TransactionRollbackError: Something could not be undone; the others were tried nevertheless.
        """
        failures: list[tuple[Any, Exception]] = []
        for transaction in reversed(list(self.active_transactions.values())):
            if transaction.is_active:
                try:
                    await transaction.rollback()
                except TransactionRollbackError as error:
                    failures.extend(error.failed_operations)
        if failures:
            raise TransactionRollbackError(
                f"Failed to roll back {len(failures)} operations", failed_operations=failures
            )

    def get_transaction_stats(self) -> dict[str, Any]:
        """``active_transactions total_transactions total_operations current_transaction_id successful_… failed_…``."""
        active = list(self.active_transactions.values())
        current = self.current_transaction
        return {
            "active_transactions": sum(transaction.is_active for transaction in active),
            "total_transactions": len(active),
            "total_operations": sum(len(transaction.operations) for transaction in active),
            "current_transaction_id": current.id if current else None,
            "successful_transactions": self.successful_transactions,
            "failed_transactions": self.failed_transactions,
        }

    def get_stats(self) -> dict[str, Any]:
        """The same as `get_transaction_stats`."""
        return self.get_transaction_stats()


async def _undo(transaction: Transaction, error: BaseException) -> None:
    """Roll back to the end, even when the task is cancelled (again) meanwhile, and tell it in `error`."""
    cancelled: asyncio.CancelledError | None = None
    failure: TransactionRollbackError | None = None
    if transaction.state in {TransactionState.ACTIVE, TransactionState.FAILED}:
        try:
            await finish_before_cancel(transaction.rollback())
        except asyncio.CancelledError as again:
            cancelled = again
        except TransactionRollbackError:
            pass
        failure = transaction.rollback_error
    _tell(transaction, error)
    if failure is not None:
        failure.original_error = error
        logger.error("Transaction %s could not be rolled back: %s", transaction.id, failure)
        if not isinstance(error, Exception):
            raise error from failure
        if cancelled is None:
            raise failure from error
        raise cancelled from failure
    if cancelled is not None and isinstance(error, Exception):
        raise cancelled from error


def _tell(transaction: Transaction, error: BaseException) -> None:
    """Name the new ids of records created again in a note of the exception that the caller gets."""
    pairs = [f"{model} {old} -> {new}" for model, ids in transaction.recreated_ids.items() for old, new in ids.items()]
    if pairs:
        more = f" and {len(pairs) - _TOLD_IDS} more" if len(pairs) > _TOLD_IDS else ""
        error.add_note(
            f"Transaction {transaction.id} was rolled back; deleted records created again have new ids: "
            f"{', '.join(pairs[:_TOLD_IDS])}{more}"
        )
