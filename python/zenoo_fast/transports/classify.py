"""What became of a call, told from exception names, SQLSTATE conditions and HTTP facts; never from message texts.

Pure functions over tables, which ``docs/resuming.md`` tells users of; answers of Odoo 19, as they were recorded, and
the shapes of Odoo 14 are held against them line by line in the tests. The one text that decides anything is
PostgreSQL's fixed phrase for a serialization failure inside a ``load`` message, where Odoo passes on nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind, ServerError

_Verdict = tuple[OutcomeKind, Action]

UNREADABLE = "zenoo_fast.UnreadableAnswer"
"""Name of the error of an answer that came and cannot be used."""

DATA: _Verdict = (OutcomeKind.REFUSED, Action.FIND_ROWS)
"""Odoo ran it, found fault with some record, and rolled everything back."""
TRANSIENT: _Verdict = (OutcomeKind.REFUSED, Action.RETRY)
"""Rolled back because of what others did at the same time."""
LATER: _Verdict = (OutcomeKind.NOT_EXECUTED, Action.RETRY)
TOO_LARGE: _Verdict = (OutcomeKind.NOT_EXECUTED, Action.SPLIT)
HOPELESS: _Verdict = (OutcomeKind.NOT_EXECUTED, Action.STOP)
"""No record of the run can succeed."""
DOUBT: _Verdict = (OutcomeKind.IN_DOUBT, Action.RETRY)
"""Sent, and no usable answer: an idempotent call may be sent again."""

_BY_NAME: Mapping[str, _Verdict] = {
    # Log-in, and what no record can change.
    "odoo.exceptions.AccessDenied": HOPELESS,
    "odoo.http.SessionExpiredException": HOPELESS,
    "werkzeug.exceptions.Unauthorized": HOPELESS,
    "werkzeug.exceptions.Forbidden": HOPELESS,
    "werkzeug.exceptions.NotFound": HOPELESS,
    "werkzeug.exceptions.MethodNotAllowed": HOPELESS,
    "werkzeug.exceptions.BadRequest": HOPELESS,
    "werkzeug.exceptions.UnprocessableEntity": HOPELESS,
    "werkzeug.exceptions.UnsupportedMediaType": HOPELESS,
    "werkzeug.exceptions.RequestEntityTooLarge": TOO_LARGE,
    "werkzeug.exceptions.TooManyRequests": LATER,
    "builtins.MemoryError": (OutcomeKind.REFUSED, Action.SPLIT),
    # SQLSTATE class 40 and 55P03: somebody else was faster.
    "psycopg2.errors.SerializationFailure": TRANSIENT,
    "psycopg2.errors.DeadlockDetected": TRANSIENT,
    "psycopg2.errors.TransactionRollback": TRANSIENT,
    "psycopg2.extensions.TransactionRollbackError": TRANSIENT,
    "psycopg2.errors.LockNotAvailable": TRANSIENT,
    "odoo.exceptions.LockError": TRANSIENT,
    "odoo.exceptions.ConcurrencyError": TRANSIENT,
    # SQLSTATE class 53 while it ran, and 25006: the database has no room, or is only a copy for the moment.
    "psycopg2.errors.InsufficientResources": TRANSIENT,
    "psycopg2.errors.DiskFull": TRANSIENT,
    "psycopg2.errors.OutOfMemory": TRANSIENT,
    "psycopg2.errors.ReadOnlySqlTransaction": TRANSIENT,
    # SQLSTATE 57014: a statement timeout; smaller calls take less time.
    "psycopg2.errors.QueryCanceled": (OutcomeKind.REFUSED, Action.SPLIT),
    "psycopg2.extensions.QueryCanceledError": (OutcomeKind.REFUSED, Action.SPLIT),
    # SQLSTATE class 53 before anything ran: no connection to the database to be had.
    "psycopg2.errors.TooManyConnections": LATER,
    "odoo.sql_db.PoolError": LATER,
    "psycopg2.pool.PoolError": LATER,
    # SQLSTATE class 08, 57P0x: the connection between Odoo and PostgreSQL broke: perhaps while committing.
    "psycopg2.OperationalError": DOUBT,
    "psycopg2.InterfaceError": DOUBT,
    "psycopg2.errors.AdminShutdown": DOUBT,
    "psycopg2.errors.CrashShutdown": DOUBT,
    "psycopg2.errors.CannotConnectNow": DOUBT,
    "psycopg2.errors.ConnectionException": DOUBT,
    "psycopg2.errors.ConnectionDoesNotExist": DOUBT,
    "psycopg2.errors.ConnectionFailure": DOUBT,
    "psycopg2.errors.TransactionResolutionUnknown": DOUBT,
}

_BY_STATUS: Mapping[int, _Verdict] = {
    400: HOPELESS,
    401: HOPELESS,
    403: HOPELESS,
    404: HOPELESS,
    405: HOPELESS,
    407: HOPELESS,
    408: LATER,
    411: HOPELESS,
    413: TOO_LARGE,
    415: HOPELESS,
    429: LATER,
}

TRANSIENT_TEXTS = ("could not serialize access", "deadlock detected", "could not obtain lock")
"""PostgreSQL's own untranslated phrases for SQLSTATE 40001, 40P01 and 55P03."""


def odoo_error(error: ServerError, *, seconds: float = 0.0) -> Outcome:
    """The outcome of a call that Odoo answered with an error body.

    An exception that the table does not name was raised by the server's code while it ran the call, and every call is
    one transaction: it is refused, and some record may be at fault.
    """
    kind, action = _BY_NAME.get(error.name, DATA)
    return Outcome(kind, error=error, action=action, seconds=seconds)


def http_failure(
    status: int, *, retry_after: float | None = None, body_start: bytes = b"", seconds: float = 0.0
) -> Outcome:
    """The outcome of a call answered by something that is not Odoo's JSON: a proxy, an error page.

    Args:
        status: HTTP status.
        retry_after: The header, in seconds.
        body_start: The first bytes of the body, for the message.
        seconds: From sending to the answer's end.
    """
    if status == 503 and retry_after is not None:
        kind, action = LATER
    elif status in _BY_STATUS:
        kind, action = _BY_STATUS[status]
    elif 300 <= status < 500:
        kind, action = HOPELESS
    else:
        kind, action = DOUBT
    error = ServerError(f"http.{status}", f"HTTP status {status}{_page(body_start)}", status=status)
    return Outcome(kind, error=error, action=action, retry_after=retry_after, seconds=seconds)


def _page(body_start: bytes) -> str:
    text = " ".join(body_start[:200].decode("utf-8", "replace").split())
    if not text:
        return ""
    return ", an HTML page instead of Odoo's JSON" if text.startswith("<") else f": {text[:120]}"


def exception(
    exc: BaseException, *, sent: bool, hopeless: bool = False, message: str = "", seconds: float = 0.0
) -> Outcome:
    """The outcome of a call that ended in an exception of this side.

    Args:
        exc: What was raised.
        sent: A byte of the request may have left.
        hopeless: Trying again cannot help (a certificate that does not verify, an URL that is none).
        message: One line; the exception's own text without.
        seconds: From sending.
    """
    kind, action = DOUBT if sent else HOPELESS if hopeless else LATER
    name = f"{type(exc).__module__}.{type(exc).__qualname__}"
    text = message or str(exc) or ("no answer in time" if isinstance(exc, TimeoutError) else type(exc).__name__)
    return Outcome(kind, error=ServerError(name, text), action=action, seconds=seconds)


def broken(transport: str, what: str | Exception) -> Outcome:
    """The outcome of a call whose transport raised or answered nonsense, which its contract forbids.

    Where the exception is the system's, the connection is at fault, and a server that is away is waited for; any other
    is a fault of the transport's own, which waiting does not mend.

    Args:
        transport: Its name.
        what: What it raised, or did.
    """
    name, did, action = "builtins.TypeError", what, Action.NONE
    if isinstance(what, Exception):
        name = f"{type(what).__module__}.{type(what).__qualname__}"
        text = " ".join(str(what).split())[:500]
        did = f"failed: {type(what).__name__}" + (f": {text}" if text else "")
        action = Action.RETRY if isinstance(what, OSError) else Action.NONE
    return Outcome(OutcomeKind.IN_DOUBT, error=ServerError(name, f"the transport {transport} {did}"), action=action)


def unreadable(reason: str, status: int | None = None, *, seconds: float = 0.0) -> Outcome:
    """The outcome of a call whose answer came and cannot be used: cut, not JSON, too large, of the wrong shape."""
    error = ServerError(UNREADABLE, reason, status=status)
    return Outcome(*_doubt(error), seconds=seconds)


def _doubt(error: ServerError) -> tuple[OutcomeKind, Any, ServerError, Action]:
    kind, action = DOUBT
    return kind, None, error, action


def load_message(message: Mapping[str, Any]) -> Action:
    """What a message of ``load`` asks for: the whole call was rolled back either way.

    Returns:
        `Action.RETRY` for a failure that others caused, else `Action.FIND_ROWS`.
    """
    text = str(message.get("message", ""))
    return Action.RETRY if any(phrase in text for phrase in TRANSIENT_TEXTS) else Action.FIND_ROWS
