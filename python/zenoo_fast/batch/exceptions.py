"""What goes wrong with a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zenoo_fast.exceptions import ZenooError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class BatchError(ZenooError):
    """Base of every batch error.

    Args:
        message: One line: what, where and what to do.
        batch_id: The batch concerned.
        context: Further facts, by name.
    """

    def __init__(self, message: str, batch_id: str | None = None, *, context: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, context)
        self.batch_id = batch_id


class BatchExecutionError(BatchError):
    """A batch ran and not everything went in.

    Args:
        message: One line with the first reason.
        failed_operations: What failed: the rejects (row, field, code, message) of a ``bulk_*`` call, or the failed
            results of a batch.
        partial_results: What came of the rest. Of ``bulk_create``: ``{"ids": [id or None per record], "created": n,
            "failed": n}``, and ``"unknown": [rows]`` where a call was sent and its answer never came.
        batch_id: The batch concerned.
        context: Further facts, by name.
    """

    def __init__(
        self,
        message: str,
        failed_operations: Sequence[Any] | None = None,
        partial_results: Mapping[str, Any] | None = None,
        *,
        batch_id: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, batch_id, context=context)
        self.failed_operations: list[Any] = list(failed_operations or ())
        self.partial_results: dict[str, Any] = dict(partial_results or {})


class BatchValidationError(BatchError):
    """Wrong use, found before anything was sent.

    Args:
        message: One line that names the first wrong record by its index, and why it is wrong.
        validation_errors: Every wrong record found, as ``{"index": n, "reason": text}`` (the first 100).
        batch_id: The batch concerned.
        context: Further facts, by name.
    """

    def __init__(
        self,
        message: str,
        validation_errors: Sequence[Any] | None = None,
        *,
        batch_id: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, batch_id, context=context)
        self.validation_errors: list[Any] = list(validation_errors or ())


class BatchSizeError(BatchError):
    """A chunk size is not a positive integer."""


class BatchTimeoutError(BatchError):
    """No answer within the time allowed: what became of the call is not known."""
