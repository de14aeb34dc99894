"""Which calls an operation becomes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from zenoo_fast._core import Layout
from zenoo_fast.batch.exceptions import BatchValidationError
from zenoo_fast.batch.operations import BatchOperation, CreateOperation, UpdateOperation
from zenoo_fast.engine.calls import CreateCalls, SaveMultiCalls, UnlinkCalls, WriteCalls
from zenoo_fast.engine.chunks import AnyChunk, ValueChunk
from zenoo_fast.engine.outcome import Reject, RowState, Settled
from zenoo_fast.engine.sender import Sender

if TYPE_CHECKING:
    from zenoo_fast.batch.road import Road

OnSettled = Callable[[Settled], None]
Piece = tuple[Sender, AnyChunk]

_FEW_GROUPS = 2
"""Different values for which ``write`` calls cost no more than asking for ``web_save_multi`` and calling it."""


class Plan(Protocol):
    """How one operation is sent.

    Attributes:
        in_order: Its chunks must not overtake each other.
    """

    in_order: bool

    def pieces(self, start: int, stop: int) -> Iterator[Piece]:
        """What to send for these rows, one after the other."""


def check_values(operation: BatchOperation, road: Road) -> None:
    """Check, before anything is sent, what no single record can be rejected for.

    Raises:
        BatchValidationError: Values for all records that have no JSON form.
    """
    if road.speaks_json and isinstance(operation, UpdateOperation) and isinstance(operation.data, dict):
        _json_values(operation.data)


async def plan_for(operation: BatchOperation, road: Road, on_settled: OnSettled) -> Plan:
    """Choose how an operation is sent; asks the server one question at most."""
    model, context = operation.model, operation.context or None
    if isinstance(operation, CreateOperation):
        sender = road.sender(CreateCalls(model, context), on_settled)
        return _Create(operation, sender, on_settled, serialise=road.speaks_json)
    if not isinstance(operation, UpdateOperation):
        return _ById(ids_of(operation), road.sender(UnlinkCalls(model, context), on_settled))
    if isinstance(operation.data, dict):
        same = _json_values(operation.data) if road.speaks_json else dict(operation.data)
        calls = WriteCalls(model, same, context)
        return _ById(ids_of(operation), road.sender(calls, on_settled))
    if _has_few_groups(operation.data) or not await road.has_save_multi(model):
        return _Grouped(operation, road, on_settled)
    sender = road.sender(SaveMultiCalls(model, context), on_settled)
    return _Own(operation, sender, on_settled, serialise=road.speaks_json)


def ids_of(operation: BatchOperation) -> list[int]:
    """Database id of each row of an update or a delete."""
    if isinstance(operation, UpdateOperation):
        return operation.record_ids or [record["id"] for record in operation.data]
    ids: list[int] = operation.data
    return ids


def _serialised(
    layout: Layout, data: list[dict[str, Any]], start: int, stop: int, sender: Sender, on_settled: OnSettled
) -> Iterator[Piece]:
    """These rows, serialised once; those without a JSON form are rejected."""
    while start < stop:
        block = layout.extract(data, start, max_rows=stop - start)
        if block.rejects:
            rejects = [Reject(*reject) for reject in block.rejects]
            on_settled(Settled(ValueChunk([], ()), RowState.REJECTED, rejects=rejects))
        if len(block.chunk):
            yield sender, block.chunk
        start += block.read


def _json_values(values: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON knows them: dates and times as text, tuples as lists.

    Raises:
        BatchValidationError: A value has no JSON form.
    """
    try:
        plain: dict[str, Any] = json.loads(ValueChunk([values], (0,)).json())
    except ValueError as error:
        raise BatchValidationError(f"Update data {error}") from error
    return plain


class _Create:
    in_order = False

    def __init__(self, operation: CreateOperation, sender: Sender, on_settled: OnSettled, *, serialise: bool) -> None:
        self._data: list[dict[str, Any]] = operation.data
        self._sender = sender
        self._on_settled = on_settled
        self._layout = Layout() if serialise else None

    def pieces(self, start: int, stop: int) -> Iterator[Piece]:
        if self._layout is not None:
            yield from _serialised(self._layout, self._data, start, stop, self._sender, self._on_settled)
            return
        # Copies: a client object may change what it is handed, the caller's records stay as they are.
        values = [dict(record) for record in self._data[start:stop]]
        yield self._sender, ValueChunk(values, range(start, stop))


class _ById:
    """Deletes, and updates with the same values: an id that comes twice is sent once."""

    in_order = False

    def __init__(self, ids: Sequence[int], sender: Sender) -> None:
        self._ids = ids
        self._sender = sender
        self._first = {record_id: row for row, record_id in reversed(list(enumerate(ids)))}
        self._repeats = len(self._first) != len(ids)

    def pieces(self, start: int, stop: int) -> Iterator[Piece]:
        rows: Sequence[int] = range(start, stop)
        if self._repeats:
            rows = [row for row in rows if self._first[self._ids[row]] == row]
        if rows:
            ids = [self._ids[row] for row in rows]
            yield self._sender, ValueChunk(ids, rows, ids=ids)


class _Own:
    """Each record its own values, many to a call."""

    def __init__(self, operation: UpdateOperation, sender: Sender, on_settled: OnSettled, *, serialise: bool) -> None:
        self._data: list[dict[str, Any]] = operation.data
        self._sender = sender
        self._on_settled = on_settled
        self._layout = Layout(renames={"id": ".id"}, required=False) if serialise else None
        self.in_order = len({record["id"] for record in self._data}) != len(self._data)

    def pieces(self, start: int, stop: int) -> Iterator[Piece]:
        for first, last in _unique_runs(self._data, start, stop):
            if self._layout is not None:
                yield from _serialised(self._layout, self._data, first, last, self._sender, self._on_settled)
                continue
            part = self._data[first:last]
            ids = [record["id"] for record in part]
            yield self._sender, ValueChunk([_values(record) for record in part], range(first, last), ids=ids)


class _Grouped:
    """Each record its own values, records with equal ones together in one ``write``."""

    def __init__(self, operation: UpdateOperation, road: Road, on_settled: OnSettled) -> None:
        self._operation = operation
        self._data: list[dict[str, Any]] = operation.data
        self._road = road
        self._on_settled = on_settled
        self.in_order = len({record["id"] for record in self._data}) != len(self._data)

    def pieces(self, start: int, stop: int) -> Iterator[Piece]:
        for first, last in _unique_runs(self._data, start, stop):
            groups: dict[str, list[int]] = {}
            for row in range(first, last):
                groups.setdefault(_key(self._data[row]), []).append(row)
            for rows in groups.values():
                values = _values(self._data[rows[0]])
                if self._road.speaks_json:
                    try:
                        values = _json_values(values)
                    except BatchValidationError as error:
                        rejects = [Reject(row, None, "not_json", error.message) for row in rows]
                        self._on_settled(Settled(ValueChunk([], ()), RowState.REJECTED, rejects=rejects))
                        continue
                calls = WriteCalls(self._operation.model, values, self._operation.context or None)
                ids = [self._data[row]["id"] for row in rows]
                yield self._road.sender(calls, self._on_settled), ValueChunk(ids, rows, ids=ids)


def _values(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "id"}


def _key(record: dict[str, Any]) -> str:
    """Equal for equal values; 1, 1.0 and True are not equal to Odoo."""
    return repr(sorted(_values(record).items()))


def _has_few_groups(data: Sequence[dict[str, Any]]) -> bool:
    seen: set[str] = set()
    for record in data:
        seen.add(_key(record))
        if len(seen) > _FEW_GROUPS:
            return False
    return True


def _unique_runs(data: Sequence[dict[str, Any]], start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Consecutive rows without a repeated id: of two changes of one record the later one must be made later."""
    seen: set[int] = set()
    first = start
    for row in range(start, stop):
        record_id = data[row]["id"]
        if record_id in seen:
            yield first, row
            first = row
            seen.clear()
        seen.add(record_id)
    yield first, stop
