"""What became of a call, and the records that cannot go in. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from zenoo_fast._core import Ids, parse_ids

if TYPE_CHECKING:
    from zenoo_fast.engine.chunks import AnyChunk


class OutcomeKind(StrEnum):
    """The four things that can become of a call."""

    COMMITTED = "committed"
    """The server ran it and committed; `Outcome.result` is its answer."""
    REFUSED = "refused"
    """The server ran it and rolled it back."""
    NOT_EXECUTED = "not_executed"
    """The server did not run it: it may be sent again."""
    IN_DOUBT = "in_doubt"
    """It was sent and no usable answer came: the server may have run it or not."""


class Action(StrEnum):
    """What a failed outcome asks of the sender, beside its kind."""

    NONE = "none"
    RETRY = "retry"
    """Transient: the same call may be sent again (after `Outcome.retry_after` seconds where the server said so)."""
    SPLIT = "split"
    """The call was too large."""
    FIND_ROWS = "find_rows"
    """Some record is at fault: find it."""
    STOP = "stop"
    """No record of this run can succeed (no such model, no rights to log in, no such database)."""


@dataclass(frozen=True, slots=True)
class ServerError:
    """An error as the server or the connection gave it.

    Attributes:
        name: The exception's dotted name (``"odoo.exceptions.ValidationError"``); for a failure below Odoo the
            Python exception's (``"builtins.ConnectionResetError"``) or ``"http.<status>"``.
        message: Odoo's ``data.message``, one line where Odoo gave one.
        arguments: The exception's arguments as Odoo sent them.
        status: HTTP status, ``None`` where no answer came.
        debug: Odoo's traceback, for logs at debug level only.
    """

    name: str
    message: str
    arguments: tuple[Any, ...] = ()
    status: int | None = None
    debug: str = ""


@dataclass(slots=True)
class Outcome:
    """What became of one call. Nobody changes one; to have that enforced made each take three times as long.

    Attributes:
        kind: One of the four.
        result: For `COMMITTED`: the answer's ``result``, as JSON bytes (HTTP transports, workers) or as the Python
            value itself (a client object's ``execute_kw``); read it with `value()`.
        error: For the other kinds.
        action: What to do about it.
        retry_after: Seconds the server asked to wait.
        seconds: From sending to the answer's end.
    """

    kind: OutcomeKind
    result: Any = None
    error: ServerError | None = None
    action: Action = Action.NONE
    retry_after: float | None = None
    seconds: float = 0.0

    def value(self) -> Any:
        """The result as a Python value.

        Raises:
            ValueError: The bytes are not JSON.
        """
        if isinstance(self.result, (bytes, bytearray, memoryview)):
            import json

            ids = self.ids()
            if ids is not None:
                return list(ids)
            try:
                return json.loads(bytes(self.result))
            except RecursionError:
                raise ValueError("the answer is nested too deeply") from None
        return self.result

    def ids(self) -> Ids | None:
        """The database ids that the result's bytes are an array of; ``None`` where it is anything else."""
        result = self.result
        return parse_ids(bytes(result)) if isinstance(result, (bytes, bytearray, memoryview)) else None


SERVER = "server"
"""Code of the rejects that the server found."""


class Reject(NamedTuple):
    """One record that cannot go in.

    Attributes:
        row: 0-based number of the record in the input.
        field: The field at fault, where known.
        code: A stable word for the kind of fault (``"required"``, ``"invalid_selection"``, ``"server"`` …).
        message: One line that says what is wrong and what would be right; Odoo's own where the server refused it.
        record: The input record: a CSV record's cells, a mapping, a line that is no JSON; ``None`` where it is not
            at hand.
    """

    row: int
    field: str | None
    code: str
    message: str
    record: list[str] | Mapping[str, Any] | str | None = None


class RowState(StrEnum):
    """How a row ends: the six counts of a report."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Settled:
    """The final state of some rows of one chunk, told as it happens: to the journal, the counters, the reporters.

    Nobody changes one, as of `Outcome`.

    Attributes:
        chunk: These rows.
        state: How they ended; one state for all of them.
        ids: Database id of each row, where there is one.
        rejects: One for each row, for `RowState.REJECTED`.
        error: Why, for `RowState.UNKNOWN`.
    """

    chunk: AnyChunk
    state: RowState
    ids: Sequence[int] | Ids | None = None
    rejects: Sequence[Reject] = ()
    error: ServerError | None = None
