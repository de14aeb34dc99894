"""Any object with ``execute_kw(model, method, args, kwargs)`` as a transport, in the caller's process."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from typing import Any

from zenoo_fast.engine.outcome import Outcome, OutcomeKind, ServerError
from zenoo_fast.transports import classify
from zenoo_fast.transports.base import Call, Rows

_TIMEOUT_NAMES = frozenset({"TimeoutError", "RequestTimeoutError", "TimeoutException", "ReadTimeout", "Timeout"})
_NOT_SENT_NAMES = frozenset({"ConnectError", "ConnectTimeout", "ConnectionRefusedError", "PoolTimeout"})
_LOST_NAMES = frozenset({"ConnectionError", "NetworkError", "ReadError", "WriteError", "RemoteProtocolError"})
_DATA_NAMES: Mapping[str, str] = {
    "ValidationError": "odoo.exceptions.ValidationError",
    "AccessError": "odoo.exceptions.AccessError",
    "AuthenticationError": "odoo.exceptions.AccessDenied",
    "MethodNotFoundError": "werkzeug.exceptions.NotFound",
}
"""Client libraries' classes for what Odoo answered -> the name Odoo gives."""


class ClientObjectTransport:
    """Turns calls into ``client.execute_kw(model, method, [positional], kwargs)``; answers stay Python values.

    Args:
        client: The object; its ``execute_kw`` may be sync or async.
    """

    name = "client"

    def __init__(self, client: Any) -> None:
        self.client = client
        # zenoo-rpc's own client replaces a context among the keyword arguments by its user's; it takes one beside them.
        self._context_apart = type(client).__module__.partition(".")[0] == "zenoo_rpc"

    async def open(self) -> None:
        """Nothing to do: the client is open."""

    async def close(self) -> None:
        """Nothing to do: the client is its owner's."""

    async def call(self, call: Call, /) -> Outcome:
        """Make one call; see `Transport.call`."""
        arguments = [value.values() if isinstance(value, Rows) else value for value in call.arguments.values()]
        kwargs = {"context": dict(call.context)} if call.context else {}
        started = time.perf_counter()
        try:
            if self._context_apart:
                result = self.client.execute_kw(call.model, call.method, arguments, {}, kwargs.get("context"))
            else:
                result = self.client.execute_kw(call.model, call.method, arguments, kwargs)
            if inspect.isawaitable(result):
                if call.timeout is None:
                    result = await result
                else:
                    result = await _within(result, call.timeout)
        except Exception as error:  # noqa: BLE001 - a transport does not raise
            return outcome_of(error, time.perf_counter() - started)
        return Outcome(OutcomeKind.COMMITTED, result=result, seconds=time.perf_counter() - started)


async def _within(result: Any, seconds: float) -> Any:
    import asyncio

    async with asyncio.timeout(seconds):
        return await result


def outcome_of(error: Exception, seconds: float = 0.0) -> Outcome:
    """What became of a call whose client raised this: our classes, zenoo-rpc's, httpx's, Python's own."""
    names = [base.__name__ for base in type(error).__mro__]
    message = str(error) or names[0]
    context = getattr(error, "context", None)
    facts = context if isinstance(context, Mapping) else {}
    named = facts.get("name") or getattr(error, "name", None)
    if isinstance(named, str) and "." in named:
        arguments = facts.get("arguments")
        error_facts = ServerError(named, message, tuple(arguments) if isinstance(arguments, list | tuple) else ())
        return classify.odoo_error(error_facts, seconds=seconds)
    if any(name in _TIMEOUT_NAMES for name in names):
        return classify.exception(error, sent=True, message=message, seconds=seconds)
    if any(name in _NOT_SENT_NAMES for name in names):
        return classify.exception(error, sent=False, message=message, seconds=seconds)
    if isinstance(error, OSError) or any(name in _LOST_NAMES for name in names):
        return classify.exception(error, sent=True, message=message, seconds=seconds)
    odoo_name = next((_DATA_NAMES[name] for name in names if name in _DATA_NAMES), None)
    own_name = f"{type(error).__module__}.{type(error).__qualname__}"
    return classify.odoo_error(ServerError(odoo_name or own_name, message), seconds=seconds)
