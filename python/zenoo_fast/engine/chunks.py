"""What the engine needs of a chunk, and the chunk of Python values for client objects. Plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

from zenoo_fast._core import Chunk, Layout
from zenoo_fast.transports.base import rows_json


@runtime_checkable
class AnyChunk(Protocol):
    """Consecutive records of one job: `zenoo_fast._core.Chunk`, or `ValueChunk` for client objects."""

    def __len__(self) -> int:
        """Number of records."""

    @property
    def fields(self) -> list[str] | None:
        """The ``fields`` argument of ``load`` for these rows; ``None`` in the other shapes."""

    def json(self) -> bytes | memoryview:
        """The rows' JSON joined by commas, without the enclosing brackets."""

    def values(self) -> list[Any]:
        """The rows as Python values."""

    def rows(self) -> list[int]:
        """Row number in the input of each record, ascending."""

    def row(self, index: int, /) -> int:
        """Row number of one record."""

    def ids(self) -> list[int] | None:
        """Database id of each record, where it has one."""

    def external_ids(self) -> list[str] | None:
        """External id of each record, where it has one."""

    def slice(self, start: int, stop: int, /) -> Self:
        """Some of these records; nothing is serialised again."""

    def record(self, index: int, /) -> list[str] | Mapping[str, Any] | None:
        """The input record as it was read."""

    def select(self, indexes: Sequence[int], /) -> Self:
        """The named records, in the given order."""


class ValueChunk:
    """A chunk of Python values, for client objects that take them as they are.

    Args:
        values: One a record; never changed, never copied but to slice.
        rows: Row number of each.
        ids: Database id of each, where the records have one.
        records: The input record of each; the values themselves without.
    """

    __slots__ = ("_ids", "_records", "_rows", "_values")

    def __init__(
        self,
        values: Sequence[Any],
        rows: Sequence[int],
        ids: Sequence[int] | None = None,
        records: Sequence[Any] | None = None,
    ) -> None:
        self._values = values
        self._rows = rows
        self._ids = ids
        self._records = records

    def __len__(self) -> int:
        return len(self._values)

    @property
    def fields(self) -> list[str] | None:
        """Values are not of the ``load`` shape."""
        return None

    def json(self) -> bytes:
        """The values' JSON joined by commas.

        Raises:
            ValueError: A value has no JSON form.
        """
        if self._values and not isinstance(self._values[0], dict):
            return json.dumps(list(self._values), separators=(",", ":")).encode()[1:-1]
        block = Layout().extract(self._values, max_rows=len(self._values) + 1, max_bytes=1 << 30)
        for _row, field, _code, message, _record in block.rejects:
            raise ValueError(f"{field}: {message}" if field else message)
        return block.chunk.json()

    def values(self) -> list[Any]:
        """The values."""
        return self._values if isinstance(self._values, list) else list(self._values)

    def rows(self) -> list[int]:
        """Row numbers."""
        return list(self._rows)

    def row(self, index: int, /) -> int:
        """Row number of one record."""
        return self._rows[index]

    def ids(self) -> list[int] | None:
        """Database ids."""
        return None if self._ids is None else list(self._ids)

    def external_ids(self) -> list[str] | None:
        """Values have none."""
        return None

    def slice(self, start: int, stop: int, /) -> ValueChunk:
        """Some of these records."""
        return ValueChunk(
            self._values[start:stop],
            self._rows[start:stop],
            None if self._ids is None else self._ids[start:stop],
            None if self._records is None else self._records[start:stop],
        )

    def select(self, indexes: Sequence[int], /) -> ValueChunk:
        """The named records."""
        return ValueChunk(
            [self._values[index] for index in indexes],
            [self._rows[index] for index in indexes],
            None if self._ids is None else [self._ids[index] for index in indexes],
            None if self._records is None else [self._records[index] for index in indexes],
        )

    def record(self, index: int, /) -> Any:
        """The record as it was handed in."""
        return self._values[index] if self._records is None else self._records[index]


class IdentifiedChunk:
    """Rows of a chunk with the database ids that their records turned out to have.

    Args:
        chunk: The rows, with the values to write.
        ids: Database id of each; ``None`` where the records are new.
        fields: Of rows of the ``load`` shape.
    """

    __slots__ = ("_chunk", "_fields", "_ids")

    def __init__(self, chunk: Chunk, ids: Sequence[int] | None, fields: list[str] | None = None) -> None:
        self._chunk = chunk
        self._ids = ids
        self._fields = fields

    def __len__(self) -> int:
        return len(self._chunk)

    @property
    def fields(self) -> list[str] | None:
        """The ``fields`` argument of ``load``; ``None`` where the rows hold values to write."""
        return self._fields

    def json(self) -> bytes | memoryview:
        """The values' JSON joined by commas."""
        return rows_json(self._chunk)

    def values(self) -> list[Any]:
        """The values."""
        return self._chunk.values()

    def rows(self) -> list[int]:
        """Row numbers."""
        return self._chunk.rows()

    def row(self, index: int, /) -> int:
        """Row number of one record."""
        return self._chunk.row(index)

    def ids(self) -> list[int] | None:
        """Database ids."""
        return None if self._ids is None else list(self._ids)

    def external_ids(self) -> list[str] | None:
        """External ids, where the rows have them."""
        return self._chunk.external_ids()

    def slice(self, start: int, stop: int, /) -> IdentifiedChunk:
        """Some of these records."""
        ids = None if self._ids is None else self._ids[start:stop]
        return IdentifiedChunk(self._chunk.slice(start, stop), ids, self._fields)

    def select(self, indexes: Sequence[int], /) -> IdentifiedChunk:
        """The named records."""
        ids = None if self._ids is None else [self._ids[index] for index in indexes]
        return IdentifiedChunk(self._chunk.select(indexes), ids, self._fields)

    def record(self, index: int, /) -> list[str] | Mapping[str, Any] | None:
        """The input record as it was read."""
        return self._chunk.record(index)
