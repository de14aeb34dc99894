"""Odoo's errors, as it words them."""

from __future__ import annotations

from typing import Any

STATUS = {
    "odoo.exceptions.MissingError": 404,
    "odoo.exceptions.ValidationError": 422,
    "odoo.exceptions.UserError": 422,
    "odoo.exceptions.AccessError": 403,
    "odoo.exceptions.AccessDenied": 403,
    "werkzeug.exceptions.NotFound": 404,
    "werkzeug.exceptions.UnprocessableEntity": 422,
    "werkzeug.exceptions.RequestEntityTooLarge": 413,
    "werkzeug.exceptions.Unauthorized": 401,
    "werkzeug.exceptions.BadRequest": 400,
}


class OdooError(Exception):
    """An error that a call is answered with.

    Args:
        name: Qualified name of the exception in Odoo.
        message: What it says.
        on_json2: Name and message on /json/2 where they differ from /jsonrpc.
        cause: What PostgreSQL said, for the traceback.
    """

    def __init__(self, name: str, message: str, on_json2: tuple[str, str] | None = None, cause: str = "") -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.cause = cause
        self.on_json2 = on_json2 or (name, message)

    def data(self, *, json2: bool = False) -> dict[str, Any]:
        """The error's object as the protocol carries it."""
        name, message = self.on_json2 if json2 else (self.name, self.message)
        arguments: list[Any] = [message]
        if name.startswith("werkzeug."):
            arguments.append(STATUS[name])
        head = "Traceback (most recent call last):\n  (sandbox)\n"
        cause = f"{head}{self.cause}\n\nThe above exception was the direct cause of the following exception:\n\n"
        debug = f"{cause if self.cause else ''}{head}{name}: {message}\n"
        return {"name": name, "message": message, "arguments": arguments, "context": {}, "debug": debug}

    @property
    def status(self) -> int:
        """HTTP status on /json/2."""
        return STATUS.get(self.on_json2[0], 500)


def value_error(message: str) -> OdooError:
    """A ValueError of Odoo's own code."""
    return OdooError("builtins.ValueError", message)


def missing(model: str, record: int) -> OdooError:
    """A record that is not there."""
    text = f"Record does not exist or has been deleted.\n(Record: {model}({record},), User: 2)"
    return OdooError("odoo.exceptions.MissingError", text)


def constraint(message: str, cause: str = "") -> OdooError:
    """A constraint of the database that a value broke."""
    return OdooError("odoo.exceptions.ValidationError", f"The operation cannot be completed: {message}", cause=cause)
