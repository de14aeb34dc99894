"""``POST /xmlrpc/2/object``, method ``execute_kw``: every Odoo, with a password or an API key."""

from __future__ import annotations

import re
import xmlrpc.client
from collections.abc import Mapping
from typing import Any
from xml.parsers.expat import ExpatError

from defusedxml.common import DefusedXmlException
from defusedxml.xmlrpc import DefusedExpatParser
from yarl import URL

from zenoo_fast.engine.outcome import Outcome, OutcomeKind, ServerError
from zenoo_fast.transports import classify
from zenoo_fast.transports.base import Call, Connection, Rows
from zenoo_fast.transports.http import HttpTransport

_NAMES = {2: "odoo.exceptions.UserError", 3: "odoo.exceptions.AccessDenied", 4: "odoo.exceptions.AccessError"}
"""Odoo's fault codes of ``/xmlrpc/2``; code 1 comes with a traceback."""
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_RAISED = re.compile(r"^([A-Za-z_][\w.]*)(?:: (.*))?$", re.DOTALL)


class XmlRpcTransport(HttpTransport):
    """Carries calls over ``/xmlrpc/2``. Needs `Connection.uid`, except for `common`.

    Args:
        connection: Where and as whom.
    """

    name = "xmlrpc"
    content_type = "text/xml"

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._credentials = (connection.database, connection.uid or False, connection.secret)

    def request(self, call: Call) -> tuple[URL, bytes]:
        """Arguments by position, the context among the keyword arguments."""
        return self._object(call, {})

    async def call_with(self, call: Call, named: Mapping[str, Any], /) -> Outcome:
        """As `call`, with keyword arguments beside the positional ones."""
        return await self._exchange(call, lambda: self._object(call, named))

    async def common(self, method: str, arguments: list[Any], /) -> Outcome:
        """A call of the service ``common``, for which nobody need be logged in."""
        return await self._exchange(
            Call("common", method), lambda: (self._url("common"), _body(method, tuple(arguments)))
        )

    def _object(self, call: Call, named: Mapping[str, Any]) -> tuple[URL, bytes]:
        positional = [value.values() if isinstance(value, Rows) else value for value in call.arguments.values()]
        keywords = {**named, "context": dict(call.context)} if call.context else dict(named)
        return self._url("object"), _body(
            "execute_kw", (*self._credentials, call.model, call.method, positional, keywords)
        )

    def _url(self, service: str) -> URL:
        return URL(f"{self.connection.url}/xmlrpc/2/{service}", encoded=True)

    def read(self, status: int, body: bytes, seconds: float) -> Outcome | None:
        """The result, or the fault that Odoo answers with; a page of a proxy's decides by its status."""
        reader = xmlrpc.client.Unmarshaller(use_builtin_types=True)
        try:
            parser = DefusedExpatParser(reader)
            parser.feed(body)
            parser.close()
            result = reader.close()
        except xmlrpc.client.Fault as fault:
            return classify.odoo_error(server_error(fault, status), seconds=seconds)
        except (ExpatError, xmlrpc.client.Error, DefusedXmlException, ValueError, LookupError, TypeError):
            return None if status != 200 else classify.unreadable("the answer is not XML-RPC", status, seconds=seconds)
        if status != 200 or len(result) != 1:
            return classify.unreadable("an XML-RPC answer without one result", status, seconds=seconds)
        return Outcome(OutcomeKind.COMMITTED, result=result[0], seconds=seconds)


def _body(method: str, arguments: tuple[Any, ...]) -> bytes:
    """A request.

    Raises:
        ValueError: A value that XML-RPC does not carry.
    """
    try:
        text = xmlrpc.client.dumps(arguments, method, allow_none=True)
    except (TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"XML-RPC cannot carry it: {error}") from error
    found = _NO_XML.search(text)
    if found is not None:
        raise ValueError(f"XML-RPC cannot carry the character {found.group()!r}")
    # An XML parser makes a bare carriage return a line feed.
    return text.replace("\r", "&#13;").encode()


def server_error(fault: xmlrpc.client.Fault, status: int | None) -> ServerError:
    """What Odoo raised: told by the fault code or, for code 1, by the last line of its traceback."""
    text = str(fault.faultString)
    name = _NAMES.get(fault.faultCode)
    if name is not None:
        return ServerError(name, text.strip() or name, (text,), status)
    *_, last = text.rpartition("Traceback (most recent call last):\n")
    lines = last.splitlines()
    at = next((number for number, line in enumerate(lines) if line and not line[0].isspace()), None)
    raised = _RAISED.match("\n".join(lines[at:])) if at is not None else None
    if raised is None:
        return ServerError(f"xmlrpc.client.Fault.{fault.faultCode}", text.strip()[-500:] or "a fault", (), status)
    name, message = raised.group(1), (raised.group(2) or raised.group(1)).strip()
    return ServerError(name if "." in name else f"builtins.{name}", message, (message,), status, debug=text)
