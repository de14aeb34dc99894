"""ZenooError and everything below it that belongs neither to batches nor to transactions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ZenooError(Exception):
    """Base of every error this package raises.

    Args:
        message: One line: what, where and what to do. For an error that Odoo raised, Odoo's own ``data.message``.
        context: Further facts, by name. For an error that Odoo raised: ``name`` (the exception's dotted name),
            ``arguments``, ``debug``. Never holds a secret.
    """

    def __init__(self, message: str, context: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.context: dict[str, Any] = dict(context or {})


class ConfigurationError(ZenooError):
    """Settings, arguments or an input file's header are wrong; nothing was sent."""


class SourceError(ZenooError):
    """The input cannot be read any further (encoding, a record without end, an I/O error)."""


class ConnectionError(ZenooError):  # noqa: A001 - the public contract's name
    """The server cannot be reached or does not answer as Odoo does."""


class RequestTimeoutError(ZenooError):
    """No answer within the time allowed: what became of the call is not known."""


class AuthenticationError(ZenooError):
    """Wrong database, login, password or API key."""


class ValidationError(ZenooError):
    """Odoo refused the data (ValidationError, UserError, a missing record, a database constraint, a bad value)."""


class AccessError(ZenooError):
    """The user has no right to do this."""


class MethodNotFoundError(ZenooError):
    """The server knows no such model or method."""


class InternalError(ZenooError):
    """Odoo failed in a way that is neither the data's nor the user's fault."""
