"""``POST /jsonrpc``, service ``object``, method ``execute_kw``: Odoo 8 to 21, with a password or an API key."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from yarl import URL

from zenoo_fast.engine.outcome import Outcome, OutcomeKind
from zenoo_fast.transports import classify
from zenoo_fast.transports.base import Call, Connection
from zenoo_fast.transports.http import HttpTransport, append_argument, name_json, server_error, to_json
from zenoo_fast.transports.kept import Parts


class JsonRpcTransport(HttpTransport):
    """Carries calls over ``/jsonrpc``. Needs `Connection.uid`, except for calls of the service ``common``."""

    name = "jsonrpc"

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._url = URL(f"{connection.url}/jsonrpc", encoded=True)
        self._numbers = itertools.count(1)
        self._head = b"[%b,%b,%b" % (
            to_json(connection.database),
            to_json(connection.uid or False),
            to_json(connection.secret),
        )

    def request(self, call: Call) -> tuple[URL, Parts]:
        """Arguments by position, the context among the keyword arguments."""
        return self._request(call, {}, next(self._numbers))

    def call(self, call: Call, /) -> Coroutine[Any, Any, Outcome]:
        """Send one call; see `Transport.call`."""
        return self.call_with(call, {})

    def call_with(self, call: Call, named: Mapping[str, Any], /) -> Coroutine[Any, Any, Outcome]:
        """As `call`, with keyword arguments beside the positional ones."""
        number = next(self._numbers)
        return self._exchange(call, lambda: self._request(call, named, number), _Reply(number))

    def _request(self, call: Call, named: Mapping[str, Any], number: int) -> tuple[URL, Parts]:
        parts: list[bytes | memoryview] = []
        text = b""
        for position, value in enumerate(call.arguments.values()):
            text = append_argument(parts, text + b"," if position else text, value)
        if named:
            keywords = to_json({**named, "context": call.context} if call.context else dict(named))
        else:
            keywords = b'{"context":%b}' % self._context_json(call.context) if call.context else b"{}"
        parts.append(b"%b],%b]}}" % (text, keywords))
        # Last, when nothing fails any more: it holds the secret, and a traceback may show a frame's variables.
        opened = _opened(number, b"object", b"execute_kw")
        opened += b"%b,%b,%b,[" % (self._head, name_json(call.model), name_json(call.method))
        parts[0] = b"".join((opened, parts[0]))
        return self._url, parts

    async def common(self, method: str, arguments: list[Any], /) -> Outcome:
        """A call of the service ``common`` (``version``, ``login``), for which nobody need be logged in."""
        number = next(self._numbers)
        make = _common(self._url, number, method, arguments)
        del arguments  # the secret is among them, and a traceback may show a frame's variables
        return await self._exchange(Call("common", method), make, _Reply(number))


def _common(url: URL, number: int, method: str, arguments: list[Any]) -> Callable[[], tuple[URL, Parts]]:
    return lambda: (url, (_opened(number, b"common", method.encode()) + to_json(arguments) + b"}}",))


def _opened(number: int, service: bytes, method: bytes) -> bytes:
    """A request up to its arguments; two braces close it."""
    head = b'{"jsonrpc":"2.0","method":"call","id":%d,"params":{"service":"%b","method":"%b","args":'
    return head % (number, service, method)


class _Reply:
    """Reads the answer to the request of this number."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __call__(self, status: int, body: bytes, seconds: float) -> Outcome | None:
        """Cut the result out of the envelope, or find Odoo's error in it."""
        # Odoo's own spelling: the result stays the bytes that came, whoever wants it decodes it once. Were anything
        # but one value between the ends, it would be no JSON.
        head = b'{"jsonrpc": "2.0", "id": %d, "result": ' % self._number
        if status == 200 and body.startswith(head) and body.endswith(b"}"):
            return Outcome(OutcomeKind.COMMITTED, result=body[len(head) : -1], seconds=seconds)
        try:
            reply: Any = json.loads(body)
        except (ValueError, RecursionError):
            return _nonsense("the answer is not JSON", status, seconds)
        if not isinstance(reply, dict):
            return _nonsense("the answer is not a JSON-RPC reply", status, seconds)
        number = reply.get("id")
        # An error may have no number: the server could not read the request.
        if (type(number) is not int or number != self._number) and not (number is None and reply.get("error")):
            return _nonsense("the answer is that of another request", status, seconds)
        if "error" in reply:
            return _failed(reply["error"], status, seconds)
        if status != 200 or not reply.keys() <= {"jsonrpc", "id", "result"}:
            return _nonsense("a JSON-RPC reply with neither result nor error", status, seconds)
        # Odoo leaves the result of a method that returns None out.
        return Outcome(OutcomeKind.COMMITTED, result=reply.get("result"), seconds=seconds)


def _failed(failure: Any, status: int, seconds: float) -> Outcome | None:
    facts = failure if isinstance(failure, dict) else {}
    error = server_error(facts.get("data"), status)
    if error is None:
        text = str(facts.get("message", ""))[:200]
        return _nonsense(f"a JSON-RPC error without Odoo's data: {text}", status, seconds)
    return classify.odoo_error(error, seconds=seconds)


def _nonsense(reason: str, status: int, seconds: float) -> Outcome | None:
    """Odoo answers with status 200 nearly always; what comes with another, and is not Odoo's, is a proxy's."""
    return classify.unreadable(reason, status, seconds=seconds) if status == 200 else None
