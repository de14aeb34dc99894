"""What goes wrong with a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zenoo_fast.exceptions import ZenooError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class TransactionError(ZenooError):
    """Base of every transaction error.

    Args:
        message: One line: what, where and what to do.
        transaction_id: The transaction concerned.
        context: Further facts, by name.
    """

    def __init__(
        self, message: str, transaction_id: str | None = None, *, context: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, context)
        self.transaction_id = transaction_id


class TransactionRollbackError(TransactionError):
    """Not everything could be undone.

    Args:
        message: One line with the counts.
        transaction_id: The transaction concerned.
        original_error: What made the transaction roll back.
        failed_operations: ``(operation record, exception)`` of each operation that could not be undone.
        partial_rollback: Some other operations were undone.
        context: Further facts; ``recreated_ids`` has model -> {old id: new id} of records created again.
    """

    def __init__(
        self,
        message: str,
        transaction_id: str | None = None,
        original_error: BaseException | None = None,
        failed_operations: Sequence[tuple[Any, Exception]] | None = None,
        partial_rollback: bool = False,
        *,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, transaction_id, context=context)
        self.original_error = original_error
        self.failed_operations: list[tuple[Any, Exception]] = list(failed_operations or ())
        self.partial_rollback = partial_rollback

    def get_failed_operation_summary(self) -> str:
        """The operations that could not be undone and why, in one line."""
        if not self.failed_operations:
            return "No failed operations"
        return "; ".join(
            f"{getattr(operation, 'operation_type', 'unknown')} on {getattr(operation, 'model', 'unknown')}: {error}"
            for operation, error in self.failed_operations
        )

    def __str__(self) -> str:
        if not self.failed_operations:
            return self.message
        return f"{self.message}\nFailed operations: {self.get_failed_operation_summary()}"


class TransactionCommitError(TransactionError):
    """A transaction could not be committed.

    Args:
        message: One line.
        original_error: Why.
        transaction_id: The transaction concerned.
        context: Further facts, by name.
    """

    def __init__(
        self,
        message: str,
        original_error: BaseException | None = None,
        *,
        transaction_id: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, transaction_id, context=context)
        self.original_error = original_error


class NestedTransactionError(TransactionError):
    """A nested transaction has no active transaction around it to join."""


class TransactionStateError(TransactionError):
    """The transaction has ended, or cannot do this in its state."""


class TransactionSetupError(TransactionStateError, RuntimeError):
    """A transaction was asked for before ``setup_transaction_manager()``; also a ``RuntimeError``, as it always was."""
