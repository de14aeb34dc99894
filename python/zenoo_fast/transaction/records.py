"""What a transaction remembers: its operations, with what undoes them, and its savepoints. Plain data."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

_sequence = itertools.count()


class TransactionState(Enum):
    """Where a transaction stands."""

    ACTIVE = "active"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    """Not everything could be undone, or it could not be committed."""


@dataclass
class OperationRecord:
    """One operation and what undoes it.

    Attributes:
        operation_type: ``"create"``, ``"update"`` or ``"delete"``.
        model: Technical model name.
        record_ids: Database ids it touched.
        original_data: Values before the change: one dictionary for all records, or (of a delete) a list of them.
        created_ids: Database ids it created.
        timestamp: When it was recorded, seconds since the epoch.
        rollback_data: Of a delete: the values to create the record(s) again with, before `original_data`.
        compensating_operation: What undoes it; made by `get_compensating_operation`.
        rollback_status: ``pending``, ``success``, ``failed`` or ``skipped``.
        rollback_error: Why it failed or was skipped.
        rollback_timestamp: When that was.
        operation_context: Odoo context of the calls.
        idempotency_key: The caller's own key.
        originals: Id -> values before the change, of operations recorded automatically.
        unreadable: Written fields whose values from before cannot be read (passwords).
        recreated_ids: Old id -> new id of records created again.
        sequence: Its place in the order of all operations of this process.
    """

    operation_type: str
    model: str
    record_ids: list[int]
    original_data: Any | None = None
    created_ids: list[int] | None = None
    timestamp: float = field(default_factory=time.time)
    rollback_data: Any | None = None
    compensating_operation: dict[str, Any] | None = None
    rollback_status: str = "pending"
    rollback_error: str | None = None
    rollback_timestamp: float | None = None
    operation_context: dict[str, Any] | None = None
    idempotency_key: str | None = None
    originals: dict[int, dict[str, Any]] | None = None
    unreadable: list[str] = field(default_factory=list)
    recreated_ids: dict[int, int] = field(default_factory=dict)
    sequence: int = field(default_factory=_sequence.__next__)

    def get_compensating_operation(self) -> dict[str, Any]:
        """What undoes it: ``type model context idempotency_key`` and ``ids`` / ``values`` / ``original_ids``.

        Raises:
            ValueError: The operation's type is unknown.
        """
        if self.compensating_operation is None:
            undone_by: dict[str, Any] = {
                "model": self.model,
                "context": self.operation_context or {},
                "idempotency_key": f"rollback_{self.idempotency_key}" if self.idempotency_key else None,
            }
            if self.operation_type == "create":
                undone_by |= {"type": "delete", "ids": self.created_ids or self.record_ids}
            elif self.operation_type == "update":
                undone_by |= {"type": "update", "ids": self.record_ids, "values": self.original_data or {}}
            elif self.operation_type == "delete":
                values = self.rollback_data or self.original_data or {}
                undone_by |= {"type": "create", "values": values, "original_ids": self.record_ids}
            else:
                raise ValueError(f"Unknown operation type: {self.operation_type}")
            self.compensating_operation = undone_by
        return self.compensating_operation

    def can_rollback(self) -> bool:
        """It is known what undoes it, and that was not done yet."""
        if self.is_rollback_complete():
            return False
        if self.originals is not None:
            return True
        if self.operation_type == "create":
            return bool(self.created_ids or self.record_ids)
        if self.operation_type == "update":
            return bool(self.record_ids and self.original_data)
        return self.operation_type == "delete" and bool(self.rollback_data or self.original_data)

    def is_rollback_complete(self) -> bool:
        """It was undone, or passed over."""
        return self.rollback_status in {"success", "skipped"}

    def mark_rollback_success(self) -> None:
        """It was undone."""
        self._mark("success", None)

    def mark_rollback_failed(self, error: str) -> None:
        """It could not be undone."""
        self._mark("failed", error)

    def mark_rollback_skipped(self, reason: str) -> None:
        """It was passed over."""
        self._mark("skipped", reason)

    def _mark(self, status: str, error: str | None) -> None:
        self.rollback_status, self.rollback_error, self.rollback_timestamp = status, error, time.time()


@dataclass
class Savepoint:
    """A place in a transaction to roll back to.

    Attributes:
        name: The caller's name for it.
        savepoint_id: Its id.
        operation_index: Number of operations recorded before it.
        timestamp: When it was made, seconds since the epoch.
        context: The transaction's context at that time.
        parent_savepoint_id: The savepoint before it.
        is_released: It is no longer needed.
        rollback_count: How often it was rolled back to.
        released_at: When it was released.
        last_rollback_at: When it was rolled back to last.
    """

    name: str
    savepoint_id: str
    operation_index: int
    timestamp: float = field(default_factory=time.time)
    context: dict[str, Any] = field(default_factory=dict)
    parent_savepoint_id: str | None = None
    is_released: bool = False
    rollback_count: int = 0
    created_at: float = field(default_factory=time.time)
    released_at: float | None = None
    last_rollback_at: float | None = None

    def release(self) -> None:
        """It is no longer needed."""
        self.is_released = True
        self.released_at = time.time()

    def record_rollback(self) -> None:
        """It was rolled back to."""
        self.rollback_count += 1
        self.last_rollback_at = time.time()

    def get_duration(self) -> float:
        """Seconds from its making to its release, or until now."""
        return (self.released_at or time.time()) - self.timestamp

    def is_active(self) -> bool:
        """It can be rolled back to."""
        return not self.is_released
