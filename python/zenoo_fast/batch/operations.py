"""The operations of a batch: what to create, update or delete, checked before anything is sent."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self, TypeVar

from zenoo_fast.batch.exceptions import BatchSizeError, BatchValidationError

_KEPT_ERRORS = 100
"""Wrong records listed in one error; a million wrong ones would not help anybody."""
_TOLD_LENGTH = 40
"""Characters of a wrong value in a message."""


class OperationType(Enum):
    """What an operation does."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    UNLINK = "unlink"
    """The same as `DELETE`."""


class OperationStatus(Enum):
    """Where an operation stands."""

    PENDING = "pending"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass
class BatchOperation(ABC):
    """One operation on one model; it is checked when it is made and again before it is sent.

    Attributes:
        model: Technical model name.
        data: The records; see the subclasses. Never changed.
        operation_type: What it does.
        operation_id: Its id, in every result that comes of it.
        status: Where it stands.
        priority: Operations of a higher priority are done before those of a lower one begin.
        context: Odoo context of its calls, merged over the user's own.
        created_at: Free for the caller's own time stamp.
        started_at: When its first chunk was sent, in seconds since the epoch.
        completed_at: When its last chunk was answered, likewise.
        error: Why it failed, the first reason where there are several.
        result: Of a create: the ids, in the order of `data` (``None`` for a record that is not in). Of an update or a
            delete: ``True`` where every record went in.
    """

    model: str
    data: Any
    operation_type: OperationType = field(default=OperationType.CREATE)
    operation_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: OperationStatus = OperationStatus.PENDING
    priority: int = 0
    context: dict[str, Any] | None = None
    created_at: float | None = None
    started_at: float | None = None
    completed_at: float | None = None
    error: str | None = None
    result: Any | None = None

    def __post_init__(self) -> None:
        self.validate()

    def __await__(self) -> Generator[None, None, Self]:
        """Awaiting an operation gives the operation: a batch context's methods may be awaited or not."""
        yield from ()
        return self

    @abstractmethod
    def validate(self) -> None:
        """Check everything that can be checked without the server.

        Raises:
            BatchValidationError: With the index of the first wrong record and the reason.
        """

    @abstractmethod
    def get_batch_size(self) -> int:
        """Number of records."""

    @abstractmethod
    def split(self, chunk_size: int) -> Sequence[BatchOperation]:
        """The same as several operations of at most `chunk_size` records; itself where it is no larger.

        Raises:
            BatchSizeError: `chunk_size` is not a positive integer.
        """

    def is_completed(self) -> bool:
        """It has run, well or not."""
        return self.status in {OperationStatus.COMPLETED, OperationStatus.FAILED}

    def is_successful(self) -> bool:
        """It has run and every record went in."""
        return self.status is OperationStatus.COMPLETED

    def get_duration(self) -> float | None:
        """Seconds from its first call to its last answer; ``None`` before its end."""
        if self.started_at is None or self.completed_at is None:
            return None
        return self.completed_at - self.started_at

    def _check_common(self, kind: str) -> None:
        model: object = self.model
        priority: object = self.priority
        if not isinstance(model, str) or not model:
            raise BatchValidationError(f"Model is required for {kind} operation")
        if self.context is not None and not isinstance(self.context, Mapping):
            raise BatchValidationError(f"Context must be a dictionary, not {_told(self.context)}")
        if isinstance(priority, bool) or not isinstance(priority, int):
            raise BatchValidationError(f"Priority must be an integer, not {_told(priority)}")


@dataclass
class CreateOperation(BatchOperation):
    """Create records.

    Attributes:
        data: A list of dictionaries field -> value, none of them empty.
        return_ids: Kept for existing callers; the ids are always returned.

    Raises:
        BatchValidationError: No model, not a list, an empty list, a record that is not a dictionary or empty.
    """

    return_ids: bool = True
    operation_type: OperationType = field(default=OperationType.CREATE, init=False)

    def validate(self) -> None:
        """Check the records; see the class."""
        self._check_common("create")
        data = self.data
        if not isinstance(data, list):
            raise BatchValidationError(f"Create operation data must be a list of dictionaries, not {_told(data)}")
        if not data:
            raise BatchValidationError("Create operation data cannot be empty")
        if not all(data) or any(type(record) is not dict for record in data):
            _raise_first(_create_errors(data))

    def get_batch_size(self) -> int:
        """Number of records to create."""
        return len(self.data)

    def split(self, chunk_size: int) -> list[CreateOperation]:
        """See `BatchOperation.split`."""
        if len(self.data) <= check_size(chunk_size):
            return [self]
        return [
            CreateOperation(
                model=self.model,
                data=part,
                return_ids=self.return_ids,
                context=self.context,
                priority=self.priority,
            )
            for part in _parts(self.data, chunk_size)
        ]


@dataclass
class UpdateOperation(BatchOperation):
    """Update records, all with the same values or each with its own.

    Attributes:
        data: A dictionary field -> value for all of `record_ids`, or a list of dictionaries, each with its ``id``.
        record_ids: With a dictionary: database ids of the records.

    Raises:
        BatchValidationError: No model, wrongly typed or empty data, a record without a positive ``id`` or without
            fields, ids missing or given together with a list.
    """

    record_ids: list[int] | None = None
    operation_type: OperationType = field(default=OperationType.UPDATE, init=False)

    def validate(self) -> None:
        """Check ids and values; see the class."""
        self._check_common("update")
        if isinstance(self.data, dict):
            self._check_same_values()
        elif isinstance(self.data, list):
            if self.record_ids is not None:
                raise BatchValidationError(
                    "Record IDs cannot be combined with a list of updates: each dictionary names its record by 'id'"
                )
            if not self.data:
                raise BatchValidationError("Update operation data cannot be empty")
            _raise_first(_update_errors(self.data))
        else:
            raise BatchValidationError(
                f"Update data must be a dictionary or list of dictionaries, not {_told(self.data)}"
            )

    def _check_same_values(self) -> None:
        if not self.record_ids:
            raise BatchValidationError("Record IDs are required for bulk update")
        if not isinstance(self.record_ids, list):
            raise BatchValidationError(f"Record IDs must be a list of integers, not {_told(self.record_ids)}")
        if not self.data:
            raise BatchValidationError("Update data cannot be empty")
        _raise_first(_id_errors(self.record_ids))

    def get_batch_size(self) -> int:
        """Number of records to update."""
        return len(self.record_ids or ()) if isinstance(self.data, dict) else len(self.data)

    def is_bulk_operation(self) -> bool:
        """All records get the same values."""
        return isinstance(self.data, dict) and self.record_ids is not None

    def split(self, chunk_size: int) -> list[UpdateOperation]:
        """See `BatchOperation.split`."""
        if self.get_batch_size() <= check_size(chunk_size):
            return [self]
        if isinstance(self.data, dict):
            parts: Iterator[tuple[Any, list[int] | None]] = (
                (self.data, ids) for ids in _parts(self.record_ids or [], chunk_size)
            )
        else:
            parts = ((part, None) for part in _parts(self.data, chunk_size))
        return [
            UpdateOperation(model=self.model, data=data, record_ids=ids, context=self.context, priority=self.priority)
            for data, ids in parts
        ]


@dataclass
class DeleteOperation(BatchOperation):
    """Delete records.

    Attributes:
        data: A list of database ids, positive integers.

    Raises:
        BatchValidationError: No model, not a list, an empty list, an id that is not a positive integer.
    """

    operation_type: OperationType = field(default=OperationType.DELETE, init=False)

    def validate(self) -> None:
        """Check the ids; see the class."""
        self._check_common("delete")
        if not isinstance(self.data, list):
            raise BatchValidationError(f"Delete operation data must be a list of record IDs, not {_told(self.data)}")
        if not self.data:
            raise BatchValidationError("Delete operation data cannot be empty")
        _raise_first(_id_errors(self.data))

    def get_batch_size(self) -> int:
        """Number of records to delete."""
        return len(self.data)

    def split(self, chunk_size: int) -> list[DeleteOperation]:
        """See `BatchOperation.split`."""
        if len(self.data) <= check_size(chunk_size):
            return [self]
        return [
            DeleteOperation(model=self.model, data=part, context=self.context, priority=self.priority)
            for part in _parts(self.data, chunk_size)
        ]


def create_batch_operation(operation_type: str | OperationType, model: str, data: Any, **kwargs: Any) -> BatchOperation:
    """Make an operation by the name of its type.

    Args:
        operation_type: ``"create"``, ``"update"``, ``"delete"`` or ``"unlink"``, in any case.
        model: Technical model name.
        data: See the operation classes.
        **kwargs: Further fields of the operation (``record_ids``, ``context``, ``priority`` …).

    Raises:
        BatchValidationError: An unknown type, or data that the operation refuses.
    """
    name = operation_type.value if isinstance(operation_type, OperationType) else str(operation_type).lower()
    makers: dict[str, type[CreateOperation | UpdateOperation | DeleteOperation]] = {
        "create": CreateOperation,
        "update": UpdateOperation,
        "delete": DeleteOperation,
        "unlink": DeleteOperation,
    }
    if name not in makers:
        raise BatchValidationError(f"Unknown operation type: {name} (known: create, update, delete, unlink)")
    return makers[name](model=model, data=data, **kwargs)


def validate_batch_operations(operations: Sequence[BatchOperation]) -> None:
    """Check operations once more: their data may have changed since they were made.

    Raises:
        BatchValidationError: No operations, something that is none, or wrong data; the index is named.
    """
    if not operations:
        raise BatchValidationError("Operations list cannot be empty")
    for index, operation in enumerate(operations):
        if not isinstance(operation, BatchOperation):
            raise BatchValidationError(f"Operation {index} must be a BatchOperation, not {_told(operation)}")
        if not isinstance(operation, (CreateOperation, UpdateOperation, DeleteOperation)):
            raise BatchValidationError(
                f"Operation {index} validation failed: Unknown operation type: {_told(operation)}"
            )
        try:
            operation.validate()
        except BatchValidationError as error:
            raise BatchValidationError(
                f"Operation {index} validation failed: {error.message}", error.validation_errors
            ) from error


def check_size(chunk_size: int) -> int:
    """The chunk size itself.

    Raises:
        BatchSizeError: It is not a positive integer.
    """
    if not _is_id(chunk_size):
        raise BatchSizeError(f"Chunk size must be a positive integer, not {_told(chunk_size)}")
    return chunk_size


Item = TypeVar("Item")


def _parts(items: list[Item], size: int) -> Iterator[list[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _told(value: object) -> str:
    """A value for a message: short, with its type where the type is the point."""
    if isinstance(value, (int, float, str, bool)) or value is None:
        text = repr(value)
        return text if len(text) <= _TOLD_LENGTH else f"{text[: _TOLD_LENGTH - 3]}..."
    return f"a {type(value).__name__}"


def _raise_first(errors: Iterator[tuple[int, str]]) -> None:
    found = [
        {"index": index, "reason": reason} for (index, reason), _ in zip(errors, range(_KEPT_ERRORS), strict=False)
    ]
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise BatchValidationError(f"{found[0]['reason']}{more}", found)


def _create_errors(data: list[Any]) -> Iterator[tuple[int, str]]:
    for index, record in enumerate(data):
        if not isinstance(record, dict):
            yield index, f"Record {index} must be a dictionary, not {_told(record)}"
        elif not record:
            yield index, f"Record {index} cannot be empty"


def _is_id(value: object) -> bool:
    return type(value) is int and value > 0


def _id_errors(ids: list[Any]) -> Iterator[tuple[int, str]]:
    for index, record_id in enumerate(ids):
        if type(record_id) is not int or record_id <= 0:
            yield index, f"Record ID {index} must be a positive integer, not {_told(record_id)}"


def _update_errors(data: list[Any]) -> Iterator[tuple[int, str]]:
    for index, record in enumerate(data):
        if not isinstance(record, dict):
            yield index, f"Record {index} must be a dictionary, not {_told(record)}"
        elif "id" not in record:
            yield index, f"Record {index} must contain 'id' field"
        elif not _is_id(record["id"]):
            yield index, f"Record {index} must contain 'id' field that is a positive integer, not {_told(record['id'])}"
        elif len(record) < 2:
            yield index, f"Record {index} must contain fields to update"
