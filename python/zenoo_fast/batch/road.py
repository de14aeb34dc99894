"""How a batch's calls travel: a client object's ``execute_kw``, our client's transport, or worker processes."""

from __future__ import annotations

import asyncio
import logging
import os
import weakref
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from zenoo_fast.engine.caller import Caller, SendPolicy
from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind, ServerError, Settled
from zenoo_fast.engine.sender import Sender
from zenoo_fast.transports.base import Call, Rows, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, MutableMapping

    from zenoo_fast.engine.calls import Calls

logger = logging.getLogger(__name__)

_WORTH_WORKERS = 100_000
"""Records from which ``workers="auto"`` starts processes: below, one loop feeds any Odoo and starts sooner."""
_AUTO_WORKERS = 2


@dataclass(slots=True)
class Road:
    """What the calls of one run need.

    Attributes:
        client: The client as it was handed in.
        transport: Carries the calls.
        policy: How much trouble a call may make.
        speaks_json: The transport takes rows as JSON; a client object takes them as they are.
    """

    client: Any
    transport: Transport
    policy: SendPolicy
    speaks_json: bool

    def sender(self, calls: Calls, on_settled: Callable[[Settled], None]) -> Sender:
        """The engine for one kind of call."""
        return Sender(Caller(self.transport, self.policy), calls, on_settled)

    async def has_save_multi(self, model: str) -> bool:
        """The server knows ``web_save_multi``; asked once a client, by a call that changes nothing."""
        return await _save_multi_of(self.client).ask(self.transport, model, self.policy.timeout)


@asynccontextmanager
async def open_road(
    client: Any,
    *,
    timeout: float | None,  # noqa: ASYNC109 - each call's, not the road's
    retry_attempts: int,
    workers: int | Literal["auto"],
    records: int,
) -> AsyncIterator[Road]:
    """The road for one run.

    Args:
        client: A `ZenooClient`, or any object with ``execute_kw``.
        timeout: Seconds a call may take.
        retry_attempts: How often a call may be sent again.
        workers: See `BatchManager`.
        records: Records of the run.
    """
    policy = SendPolicy(timeout=timeout, retries=retry_attempts)
    if not hasattr(type(client), "transport_spec"):
        from zenoo_fast.transports.client_object import ClientObjectTransport

        yield Road(client, _AsServer(ClientObjectTransport(client)), policy, speaks_json=False)
        return
    count = _auto_workers(records) if workers == "auto" else workers
    if count == 0:
        yield Road(client, client.transport, policy, speaks_json=True)
        return
    from zenoo_fast.engine.pool import WorkerPool

    pool = WorkerPool(client.transport_spec(), count)
    await pool.open()
    try:
        yield Road(client, pool, policy, speaks_json=True)
    finally:
        await pool.close()


def _auto_workers(records: int) -> int:
    return _AUTO_WORKERS if records >= _WORTH_WORKERS and (os.cpu_count() or 1) > 1 else 0


class _AsServer:
    """A client object's answers as the server's own: client libraries unpack them, test doubles simplify them.

    Args:
        inner: The client object's transport.
    """

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    async def call(self, call: Call, /) -> Outcome:
        outcome = await self._inner.call(call)
        if outcome.kind is not OutcomeKind.COMMITTED:
            return outcome
        if call.method == "create":
            return replace(outcome, result=_ids(outcome.result, _size(call)))
        if call.method in {"write", "unlink"}:
            if outcome.result is False:
                error = ServerError("zenoo_fast.Refused", f"{call.method} answered False")
                return replace(outcome, kind=OutcomeKind.REFUSED, result=None, error=error, action=Action.FIND_ROWS)
            return replace(outcome, result=True)
        if call.method == "web_save_multi" and isinstance(outcome.result, list):
            return replace(outcome, result=[{"id": record_id} for record_id in call.arguments["ids"]])
        return outcome


def _size(call: Call) -> int:
    return next((len(value) for value in call.arguments.values() if isinstance(value, (list, Rows))), 1)


def _ids(answer: Any, size: int) -> Any:
    """One id for one record may come bare; fixed answers of test doubles may have more ids than asked for."""
    ids = answer if isinstance(answer, list) else [answer]
    if len(ids) > size:
        logger.warning("create of %d records was answered with %d ids; the first %d are taken", size, len(ids), size)
    return [int(record_id) if isinstance(record_id, bool) else record_id for record_id in ids[:size]]


class _SaveMulti:
    """Whether one client's server knows ``web_save_multi``."""

    def __init__(self) -> None:
        self._known: bool | None = None
        self._asking: asyncio.Task[bool | None] | None = None

    async def ask(self, transport: Transport, model: str, timeout: float | None) -> bool:  # noqa: ASYNC109
        if self._known is not None:
            return self._known
        loop = asyncio.get_running_loop()
        if self._asking is None or self._asking.done() or self._asking.get_loop() is not loop:
            self._asking = loop.create_task(_probe(transport, model, timeout))
        answer = await asyncio.shield(self._asking)
        if answer is not None:
            self._known = answer
        return bool(answer)


async def _probe(transport: Transport, model: str, timeout: float | None) -> bool | None:  # noqa: ASYNC109
    """Save no records: a server that knows the method answers an empty list. ``None``: it could not be asked."""
    call = Call(model, "web_save_multi", {"ids": [], "vals_list": [], "specification": {}}, timeout=timeout)
    outcome = await transport.call(call)
    if outcome.kind is OutcomeKind.COMMITTED:
        try:
            return bool(outcome.value() == [])
        except ValueError:
            return False
    refused = outcome.kind is OutcomeKind.REFUSED and outcome.action is not Action.RETRY
    return False if refused or outcome.action is Action.STOP else None


_by_client: MutableMapping[Any, _SaveMulti] = weakref.WeakKeyDictionary()


def _save_multi_of(client: Any) -> _SaveMulti:
    try:
        return _by_client.setdefault(client, _SaveMulti())
    except TypeError:  # the client object cannot be referenced weakly, or hashed: ask it each time
        return _SaveMulti()
