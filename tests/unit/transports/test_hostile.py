"""Servers that answer what no Odoo answers: an error in time, in little memory, and nothing done twice."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from contextlib import asynccontextmanager

import pytest

from zenoo_fast.batch import BatchExecutionError, BatchManager
from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.outcome import OutcomeKind
from zenoo_fast.exceptions import ConnectionError, ZenooError  # noqa: A004
from zenoo_fast.transports.base import Call, Connection
from zenoo_fast.transports.json2 import Json2Transport
from zenoo_fast.transports.jsonrpc import JsonRpcTransport

MODEL = "res.partner"
KINDS = [Json2Transport, JsonRpcTransport]
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = JSON + b"Transfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def serving(answer):
    """A server; `answer(body, writer)` writes what it likes to each request."""
    requests: list[bytes] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            requests.append(await reader.readexactly(length))
            await answer(requests[-1], writer)
        except OSError:
            pass  # the client has left
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def whole(body: bytes) -> bytes:
    return JSON + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def replying(result: bytes):
    """Answers each request with this result, as the protocol asked in would."""

    async def answer(body, writer):
        number = json.loads(body).get("id")
        envelope = b'{"jsonrpc": "2.0", "id": %d, "result": %b}' % (number, result) if number else result
        writer.write(whole(envelope))
        await writer.drain()

    return answer


async def endless(_body, writer):
    writer.write(CHUNKED)
    part = b"10000\r\n" + b"[" * 65536 + b"\r\n"
    while True:
        writer.write(part)
        await writer.drain()


async def endless_without_a_length(_body, writer):
    writer.write(JSON + b"Connection: close\r\n\r\n[")
    while True:
        writer.write(b" " * 65536)
        await writer.drain()


async def endless_header(_body, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def drip(_body, writer):
    writer.write(CHUNKED)
    while True:
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def false_length(_body, writer):
    writer.write(JSON + b"Content-Length: 99999999999999\r\n\r\n[1")
    await writer.drain()
    await asyncio.sleep(60)


async def other_number(_body, writer):
    writer.write(whole(b'{"jsonrpc": "2.0", "id": 4711, "result": [1]}'))
    await writer.drain()


async def call(kind, url, **settings):
    transport = kind(Connection(url, "db", "admin", "key", 2, **settings))
    try:
        return await transport.call(Call(MODEL, "create", {"vals_list": [{"name": "A"}]}))
    finally:
        await transport.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("answer", [endless, endless_without_a_length, endless_header, false_length])
async def test_an_answer_without_end_takes_bounded_memory(kind, answer):
    async with serving(answer) as (url, requests):
        tracemalloc.start()
        try:
            outcome = await asyncio.wait_for(call(kind, url, max_answer_bytes=1 << 20), 30)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert outcome.kind is OutcomeKind.IN_DOUBT
        assert len(requests) == 1
        assert peak < 8 << 20


@pytest.mark.parametrize("kind", KINDS)
async def test_a_dripping_answer_ends_with_the_time_allowed(kind):
    async with serving(drip) as (url, requests):
        outcome = await asyncio.wait_for(call(kind, url, timeout=0.3), 30)
        assert outcome.kind is OutcomeKind.IN_DOUBT
        assert outcome.error is not None
        assert outcome.error.name.endswith("TimeoutError")
        assert len(requests) == 1


async def test_the_answer_to_another_request_is_in_doubt():
    async with serving(other_number) as (url, _):
        assert (await call(JsonRpcTransport, url)).kind is OutcomeKind.IN_DOUBT


async def test_two_replies_in_one_body_are_none():
    async def answer(body, writer):
        one = b'{"jsonrpc": "2.0", "id": %d, "result": [1]}' % json.loads(body)["id"]
        writer.write(whole(one + one))
        await writer.drain()

    async with serving(answer) as (url, _):
        outcome = await call(JsonRpcTransport, url)
        with pytest.raises(ValueError, match="Extra data"):
            outcome.value()


async def test_the_result_of_a_method_that_returns_nothing_is_left_out():
    async def answer(body, writer):
        writer.write(whole(b'{"jsonrpc": "2.0", "id": %d}' % json.loads(body)["id"]))
        await writer.drain()

    async with serving(answer) as (url, _):
        outcome = await call(JsonRpcTransport, url)
        assert (outcome.kind, outcome.value()) == (OutcomeKind.COMMITTED, None)


NO_IDS = {
    "deep": b"[" * 200_000 + b"]" * 200_000,
    "too few": b"[1]",
    "too many": b"[1, 2, 3]",
    "text": b'["1", "2"]',
    "zero": b"[1, 0]",
    "negative": b"[1, -2]",
    "true": b"[1, true]",
    "float": b"[1, 2.0]",
    "null": b"null",
    "object": b'{"ids": [1, 2]}',
    "number": b"7",
    "long number": b"[1, %b]" % (b"9" * 10_000),
    "cut": b"[1, 2",
    "empty": b"",
    "not JSON": b"[1, 2,]",
    "two values": b"[1, 2] [3, 4]",
    "bytes": b"[1, \xff\xfe]",
}


@pytest.mark.parametrize("kind", ["json2", "jsonrpc"])
@pytest.mark.parametrize("result", NO_IDS.values(), ids=NO_IDS)
async def test_ids_that_are_none_leave_the_records_unknown_and_are_asked_for_once(kind, result):
    async with serving(replying(result)) as (url, requests), ZenooClient(url) as client:
        log_in(client, kind)
        with pytest.raises(BatchExecutionError) as caught:
            await BatchManager(client, workers=0).bulk_create(MODEL, [{"name": "A"}, {"name": "B"}])
        assert caught.value.partial_results["unknown"] == [0, 1]
        assert len(requests) == 1


@pytest.mark.parametrize("kind", ["json2", "jsonrpc"])
@pytest.mark.parametrize("result", [value for name, value in NO_IDS.items() if name not in {"too few", "too many"}])
async def test_the_client_raises_for_ids_that_are_none(kind, result):
    async with serving(replying(result)) as (url, _), ZenooClient(url) as client:
        log_in(client, kind)
        with pytest.raises(ConnectionError, match="does not answer as Odoo does"):
            await client.create(MODEL, [{"name": "A"}, {"name": "B"}])
        with pytest.raises(ConnectionError, match="does not answer as Odoo does"):
            await client.search(MODEL, [])
        with pytest.raises(ConnectionError, match="does not answer as Odoo does"):
            await client.read(MODEL, [1], ["name"])


def log_in(client: ZenooClient, kind: str) -> None:
    client._connection = Connection(client.connection.url, "db", "admin", "key", 2)
    client._set_transport(kind)


@pytest.mark.parametrize("status", [b"301", b"302", b"303", b"307", b"308"])
@pytest.mark.parametrize("kind", KINDS)
async def test_no_redirect_is_followed(kind, status):
    """Credentials go where they were meant to go only."""
    async with serving(replying(b"[1]")) as (other, misled):

        async def answer(_body, writer):
            head = b"HTTP/1.1 %b Moved\r\nLocation: %b/jsonrpc\r\nContent-Length: 0\r\n\r\n" % (status, other.encode())
            writer.write(head)
            await writer.drain()

        async with serving(answer) as (url, requests):
            outcome = await call(kind, url)
            assert outcome.kind is OutcomeKind.NOT_EXECUTED
            assert len(requests) == 1
            async with ZenooClient(url) as client:
                with pytest.raises(ZenooError, match=status.decode()):
                    await client.login("db", "admin", "pw")
        assert misled == []


@pytest.mark.parametrize("kind", KINDS)
async def test_as_many_connections_are_open_as_calls_are_allowed(kind):
    """The server answers nobody before all 200 have come: fewer connections would wait for ever."""
    together = asyncio.Barrier(200)
    reply = replying(b"[1]")

    async def answer(body, writer):
        await together.wait()
        await reply(body, writer)

    async with serving(answer) as (url, _):
        transport = kind(Connection(url, "db", "admin", "key", 2))
        calls = [transport.call(Call(MODEL, "create", {"vals_list": [{}]})) for _ in range(200)]
        outcomes = await asyncio.wait_for(asyncio.gather(*calls), 60)
        await transport.close()
        assert {outcome.kind for outcome in outcomes} == {OutcomeKind.COMMITTED}
