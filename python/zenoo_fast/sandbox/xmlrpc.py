"""How ``/xmlrpc/2`` carries calls, answers and errors."""

from __future__ import annotations

import xmlrpc.client
from typing import Any
from xml.parsers.expat import ExpatError

from aiohttp import web

from zenoo_fast.sandbox.errors import OdooError

_CODES = {
    "odoo.exceptions.AccessDenied": 3,
    "odoo.exceptions.AccessError": 4,
    "odoo.exceptions.UserError": 2,
    "odoo.exceptions.ValidationError": 2,
    "odoo.exceptions.MissingError": 2,
    "odoo.exceptions.RedirectWarning": 2,
}
"""Fault codes of Odoo's own exceptions; the others are 1, with the traceback as their text."""


def call(body: bytes) -> tuple[str, list[Any]]:
    """Method and arguments of a request. Only ever fed by tests and demonstrations on the loopback interface.

    Raises:
        ValueError: It is no XML-RPC call.
    """
    try:
        args, name = xmlrpc.client.loads(body, use_builtin_types=True)
    except (ExpatError, xmlrpc.client.Error, KeyError, IndexError, TypeError) as error:
        raise ValueError(str(error)) from error
    return str(name), list(args)


def answer(result: Any) -> web.Response:
    """A result; ``None`` travels as nil, as in Odoo."""
    return _xml(xmlrpc.client.dumps((result,), methodresponse=True, allow_none=True))


def fault(error: OdooError) -> web.Response:
    """An error: Odoo's own with their message, others with a traceback that ends in name and message."""
    code = _CODES.get(error.name)
    if code is not None:
        return _xml(xmlrpc.client.dumps(xmlrpc.client.Fault(code, error.message)))
    name = error.name.removeprefix("builtins.")
    text = f"Traceback (most recent call last):\n  (sandbox)\n{name}: {error.message}\n"
    return _xml(xmlrpc.client.dumps(xmlrpc.client.Fault(1, text)))


def _xml(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/xml")
