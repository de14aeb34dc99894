"""Which method a chunk becomes for one kind of operation, and how its answer reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from zenoo_fast._core import Ids, are_ids
from zenoo_fast.engine.chunks import AnyChunk
from zenoo_fast.engine.outcome import Action, RowState, ServerError
from zenoo_fast.transports.base import Call
from zenoo_fast.transports.classify import load_message

Context = Mapping[str, Any] | None


@dataclass(slots=True)
class Reading:
    """What a committed answer says.

    Attributes:
        state: How the rows ended; ``None`` where the server refused them inside a success (`load`).
        ids: Database id of each row, where there is one.
        named: Index in the chunk -> (field, message) of the rows that the server names as bad.
        error: Why it refused, where no row is named.
        transient: It refused because of what others did at the same time.
    """

    state: RowState | None
    ids: Sequence[int] | Ids | None = None
    named: Mapping[int, tuple[str | None, str]] = field(default_factory=dict)
    error: ServerError | None = None
    transient: bool = False


class Calls(Protocol):
    """One kind of call.

    Attributes:
        model: Model name.
        idempotent: Sending a call again does no harm.
        missing_is_done: A record that is gone is what the call wants.
        right: The access right that it takes.
        answers_ids: An answer that went well is an array of ids; `read` takes `Ids`, too.
    """

    model: str
    answers_ids: bool
    right: str
    idempotent: bool
    missing_is_done: bool

    def build(self, chunk: AnyChunk) -> Call:
        """The call for these records."""

    def read(self, value: Any, chunk: AnyChunk) -> Reading:
        """What the answer says.

        Raises:
            ValueError: It is not what this method answers.
        """


def _ids(value: Any, count: int) -> list[int] | Ids:
    if not isinstance(value, list | Ids) or len(value) != count:
        found = f"{len(value)} ids" if isinstance(value, list | Ids) else type(value).__name__
        raise ValueError(f"{found} for {count} records")
    if isinstance(value, list) and not are_ids(value):
        wrong = next(one for one in value if not are_ids([one]))
        raise ValueError(f"{wrong!r:.60} is not a database id")
    return value


class CreateCalls:
    """``create(vals_list)``."""

    idempotent = False
    right = "create"
    missing_is_done = False
    answers_ids = True

    def __init__(self, model: str, context: Context = None) -> None:
        self.model = model
        self.context = context

    def build(self, chunk: AnyChunk) -> Call:
        """All records in one call."""
        return Call(self.model, "create", {"vals_list": chunk}, self.context)

    def read(self, value: Any, chunk: AnyChunk) -> Reading:
        """One id a record, in order."""
        return Reading(RowState.CREATED, _ids(value, len(chunk)))


class LoadCalls:
    """``load(fields, data)``: all or nothing, told as a success.

    Args:
        model: Model name.
        context: Odoo context.
        insert_only: A record whose external id is there is left as it is (context ``mode`` and ``noupdate``).
        idempotent: Every row has an external id.
    """

    right = "create"
    missing_is_done = False
    answers_ids = False

    def __init__(
        self, model: str, context: Context = None, *, insert_only: bool = False, idempotent: bool = True
    ) -> None:
        self.model = model
        self.context: Context = {**(context or {}), "mode": "update", "noupdate": True} if insert_only else context
        self.idempotent = idempotent

    def build(self, chunk: AnyChunk) -> Call:
        """All rows in one call."""
        return Call(self.model, "load", {"fields": chunk.fields, "data": chunk}, self.context)

    def read(self, value: Any, chunk: AnyChunk) -> Reading:
        """Ids, or messages that may name rows."""
        if not isinstance(value, dict) or "ids" not in value:
            raise ValueError("not an answer of load")
        if value["ids"]:
            # A database id that came twice in one call is answered twice: the last row won.
            return Reading(RowState.CREATED, _ids(value["ids"], len(chunk)))
        found = value.get("messages") or []
        if not isinstance(found, list):
            raise ValueError("not the messages of load")  # noqa: TRY004 - as of any answer that makes no sense
        messages = [one for one in found if isinstance(one, dict)]
        errors = [one for one in messages if one.get("type", "error") == "error"] or messages
        first = errors[0] if errors else {}
        error = ServerError("odoo.load", str(first.get("message") or "load refused the rows without a reason"))
        if any(load_message(one) is Action.RETRY for one in errors):
            return Reading(None, error=error, transient=True)
        return Reading(None, named=_named(errors, len(chunk)), error=error)


def _named(errors: Sequence[Mapping[str, Any]], count: int) -> dict[int, tuple[str | None, str]]:
    """Rows that the messages name for certain.

    A database error of the whole batch is put first with the position of row 0, so a first message is trusted only
    where it is the only one and does not name row 0 of several, or others name the same row.
    """
    found: dict[int, tuple[str | None, str]] = {}
    for position, message in enumerate(errors):
        rows = message.get("rows")
        start = rows.get("from") if isinstance(rows, Mapping) else None
        if type(start) is not int or not 0 <= start < count or rows.get("to") != start:  # type: ignore[union-attr]
            continue
        if position == 0 and count > 1 and (len(errors) > 1 or start == 0):
            continue
        name = message.get("field")
        found.setdefault(start, (name if isinstance(name, str) else None, str(message.get("message") or "refused")))
    return found


class SaveMultiCalls:
    """``web_save_multi(ids, vals_list, specification)``: each record its own values."""

    idempotent = True
    right = "write"
    missing_is_done = False
    answers_ids = False

    def __init__(self, model: str, context: Context = None) -> None:
        self.model = model
        self.context = context

    def build(self, chunk: AnyChunk) -> Call:
        """All records in one call."""
        arguments: dict[str, Any] = {"ids": chunk.ids(), "vals_list": chunk, "specification": {}}
        return Call(self.model, "web_save_multi", arguments, self.context)

    def read(self, value: Any, chunk: AnyChunk) -> Reading:
        """A list of the records."""
        if not isinstance(value, list) or len(value) != len(set(chunk.ids() or ())):
            raise ValueError("not an answer of web_save_multi")
        return Reading(RowState.UPDATED, chunk.ids())


class WriteCalls:
    """``write(ids, vals)``: the same values for every record."""

    idempotent = True
    right = "write"
    missing_is_done = False
    answers_ids = False

    def __init__(self, model: str, vals: Mapping[str, Any], context: Context = None) -> None:
        self.model = model
        self.vals = vals
        self.context = context

    def build(self, chunk: AnyChunk) -> Call:
        """All records in one call."""
        return Call(self.model, "write", {"ids": chunk.ids(), "vals": self.vals}, self.context)

    def read(self, value: Any, chunk: AnyChunk) -> Reading:
        """``True``."""
        if value is not True:
            raise ValueError(f"write answered {value!r:.60}")
        return Reading(RowState.UPDATED, chunk.ids())


class UnlinkCalls:
    """``unlink(ids)``."""

    idempotent = True
    right = "unlink"
    missing_is_done = True
    answers_ids = False

    def __init__(self, model: str, context: Context = None) -> None:
        self.model = model
        self.context = context

    def build(self, chunk: AnyChunk) -> Call:
        """All records in one call."""
        return Call(self.model, "unlink", {"ids": chunk.ids()}, self.context)

    def read(self, value: Any, chunk: AnyChunk) -> Reading:
        """``True``."""
        if value is not True:
            raise ValueError(f"unlink answered {value!r:.60}")
        return Reading(RowState.DELETED, chunk.ids())
