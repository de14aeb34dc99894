"""The ``error_type`` and the message of what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zenoo_fast.engine.outcome import ServerError

_TIMEOUTS = frozenset({"TimeoutError", "RequestTimeoutError", "TimeoutException", "ReadTimeout", "Timeout"})
_BY_CODE = {"not_sent": "ConnectionError", "server_busy": "InternalError", "too_large": "BatchSizeError"}
_BY_NAME = {
    "odoo.exceptions.AccessDenied": "AuthenticationError",
    "odoo.exceptions.AccessError": "AccessError",
    "werkzeug.exceptions.NotFound": "MethodNotFoundError",
    "werkzeug.exceptions.Unauthorized": "AuthenticationError",
}


def error_type(error: ServerError | None, code: str = "server") -> str:
    """The class of this package, by name, for what failed.

    Args:
        error: What the server or the connection said, where it is known.
        code: The code of the reject.
    """
    name = error.name if error is not None else ""
    if name in _BY_NAME:
        return _BY_NAME[name]
    if code == "unknown":
        return "BatchTimeoutError" if is_timeout(error) else "ConnectionError"
    return _BY_CODE.get(code, "ValidationError")


def is_timeout(error: ServerError | None) -> bool:
    """No answer came in time."""
    return error is not None and error.name.rsplit(".", 1)[-1] in _TIMEOUTS


def told(error: ServerError | None, timeout: float | None) -> str:
    """Why the outcome of a call is not known, in one line."""
    if is_timeout(error):
        reason = "Operation timeout" if timeout is None else f"Operation timeout: no answer in {timeout:g} s"
    else:
        reason = error.message if error is not None else "No answer"
    return f"{reason}; whether this record is in is not known"
