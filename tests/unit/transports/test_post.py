"""Posting over aiohttp's connections, against a server that is a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from yarl import URL

from zenoo_fast.transports import post
from zenoo_fast.transports.post import Poster, Unanswered

Serve = Callable[[bytes, bytes, asyncio.StreamWriter], Awaitable[None]]
LIMITS = aiohttp.ClientTimeout(total=10, sock_connect=5)


class Server:
    """Hands every request (head, body) to `serve`, on connections that it keeps."""

    def __init__(self, serve: Serve) -> None:
        self.serve = serve
        self.connections = 0
        self.requests: list[tuple[bytes, bytes]] = []
        self.asked = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
                body = await reader.readexactly(int(length.split(b":")[1]))
                self.requests.append((head, body))
                self.asked.set()
                await self.serve(head, body, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.ended.set()
        finally:
            writer.close()


def answers(*texts: bytes) -> Serve:
    """The same bytes to every request, in pieces."""

    async def serve(_head: bytes, _body: bytes, writer: asyncio.StreamWriter) -> None:
        for text in texts:
            writer.write(text)
            await writer.drain()
            await asyncio.sleep(0.01)

    return serve


@asynccontextmanager
async def posting(serve: Serve, most: int = 1000, **headers: str) -> AsyncIterator[tuple[Poster, URL, Server]]:
    server = Server(serve)
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    poster = Poster(aiohttp.ClientSession(headers={"X-Own": "yes", **headers}), most)
    yield poster, URL(f"http://127.0.0.1:{port}/a/b?c=d", encoded=True), server
    await poster.close()
    listening.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


async def test_a_body_of_parts_arrives_whole_and_connections_are_kept() -> None:
    async with posting(answers(OK)) as (poster, url, server):
        large = b"x" * 3_000_000
        for _ in range(3):
            answer = await poster.post(url, (b"[", memoryview(large), b"]"), LIMITS)
            assert (answer.status, answer.content, answer.media_type) == (200, b"{}", "application/json")
    assert server.connections == 1
    head, body = server.requests[-1]
    assert body == b"[" + large + b"]"
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /a/b?c=d HTTP/1.1"
    assert {b"X-Own: yes", b"Host: 127.0.0.1:%d" % url.port, b"Content-Length: 3000002"} <= set(lines)


async def test_a_server_that_closes_is_connected_to_anew() -> None:
    closing = OK.replace(b"Content-Length", b"Connection: close\r\nContent-Length")
    async with posting(answers(closing)) as (poster, url, server):
        for _ in range(3):
            assert (await poster.post(url, (b"{}",), LIMITS)).content == b"{}"
    assert server.connections == 3


@pytest.mark.parametrize(
    ("texts", "content"),
    [
        ((b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", OK), b"{}"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n", b"1\r\n]\r\n0\r\n\r\n"), b"[1]"),
        ((OK[:40], OK[40:]), b"{}"),
        ((OK[:-2], OK[-2:-1], OK[-1:]), b"{}"),
        ((OK.replace(b": 2", b": 1001")[:-2] + b"y" * 1001,), None),
        (
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"3e8\r\n" + b"z" * 1000 + b"\r\n5\r\nzzzzz\r\n",
            ),
            None,
        ),
    ],
    ids=["interim answers", "chunked", "in pieces", "a body in pieces", "too large", "too large, chunked"],
)
async def test_answers_of_every_form_are_read(texts: tuple[bytes, ...], content: bytes | None) -> None:
    async with posting(answers(*texts)) as (poster, url, server):
        for _ in range(2):
            assert (await asyncio.wait_for(poster.post(url, (b"{}",), LIMITS), 5)).content == content
        # What was not read to its end cannot be used again.
        assert server.connections == (1 if content is not None else 2)


@pytest.mark.parametrize("cut", [b"", OK[:20], OK[:-1], b"nonsense\r\n\r\n"])
async def test_an_answer_that_breaks_off_leaves_the_request_in_doubt(cut: bytes) -> None:
    async def serve(_head: bytes, _body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(cut)
        writer.close()

    async with posting(serve) as (poster, url, _):
        with pytest.raises(Unanswered) as told:
            await asyncio.wait_for(poster.post(url, (b"{}",), LIMITS), 5)
        assert told.value.sent


@pytest.mark.parametrize(
    "begun",
    [(), (OK[:20],), (OK[:-1],), (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[1", b"]")],
    ids=["nothing", "half a head", "half a body", "a body that ends with its connection"],
)
async def test_a_server_that_takes_too_long_is_left_and_its_connection_closed(begun: tuple[bytes, ...]) -> None:
    async with posting(answers(*begun)) as (poster, url, server):
        with pytest.raises(Unanswered) as told:
            await poster.post(url, (b"{}",), aiohttp.ClientTimeout(total=0.1, sock_connect=5))
        assert (told.value.sent, type(told.value.error)) == (True, TimeoutError)
        await asyncio.wait_for(server.ended.wait(), 5)


async def test_a_server_that_does_not_read_is_left_after_the_time_allowed() -> None:
    held = asyncio.Event()

    async def never(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.close()

    listening = await asyncio.start_server(never, "127.0.0.1", 0, limit=1024)
    url = URL(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/")
    poster = Poster(aiohttp.ClientSession(), 1000)
    with pytest.raises(Unanswered) as told:
        limits = aiohttp.ClientTimeout(total=0.2, sock_connect=5)
        await asyncio.wait_for(poster.post(url, (b"[", memoryview(bytes(64 << 20))), limits), 10)
    assert (told.value.sent, type(told.value.error)) == (True, TimeoutError)
    await poster.close()
    held.set()
    listening.close()


async def test_an_answer_in_time_is_not_cut_later() -> None:
    async with posting(answers(OK)) as (poster, url, server):
        limits = aiohttp.ClientTimeout(total=0.2, sock_connect=5)
        assert (await poster.post(url, (b"{}",), limits)).content == b"{}"
        await asyncio.sleep(0.3)
        assert (await poster.post(url, (b"{}",), LIMITS)).content == b"{}"
    assert server.connections == 1


async def test_each_call_is_cut_at_its_own_time() -> None:
    release = asyncio.Event()

    async def serve(_head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        if body == b"[1]":
            await release.wait()
            writer.write(OK)

    async with posting(serve) as (poster, url, server):
        patient = asyncio.create_task(poster.post(url, (b"[1]",), LIMITS))
        for seconds in (0.2, 0.1):
            with pytest.raises(Unanswered) as told:
                await poster.post(url, (b"[2]",), aiohttp.ClientTimeout(total=seconds, sock_connect=5))
            assert type(told.value.error) is TimeoutError
        release.set()
        assert (await patient).content == b"{}"
    assert server.connections == 3


async def test_what_nobody_asked_for_ends_the_connection() -> None:
    async with posting(answers(OK, OK)) as (poster, url, server):
        for _ in range(2):
            assert (await poster.post(url, (b"{}",), LIMITS)).content == b"{}"
            await asyncio.wait_for(server.ended.wait(), 5)
            server.ended.clear()
    assert server.connections == 2


async def test_more_than_the_answer_is_none() -> None:
    """Bytes behind it may be the answer to another's request: as with aiohttp, nothing of it is believed."""
    async with posting(answers(OK + b"HTTP/1.1 nonsense")) as (poster, url, _):
        with pytest.raises(Unanswered) as told:
            await poster.post(url, (b"{}",), LIMITS)
        assert told.value.sent


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used() -> None:
    async def serve(_head: bytes, _body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        writer.close()

    async with posting(serve) as (poster, url, server):
        for _ in range(3):
            assert (await poster.post(url, (b"{}",), LIMITS)).content == b"{}"
            await asyncio.sleep(0.05)
    assert server.connections == 3


async def test_an_idle_connection_goes_back_to_aiohttp_and_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "_KEPT_SECONDS", 0.05)
    async with posting(answers(OK)) as (poster, url, server):
        for _ in range(3):
            assert (await poster.post(url, (b"{}",), LIMITS)).content == b"{}"
            await asyncio.sleep(0.2)
            connector = poster.session.connector
            assert connector is not None
            # An idle connection that aiohttp knows of is one that it closes in time.
            assert sum(map(len, connector._conns.values())) == 1
    assert server.connections == 1


async def test_who_closes_ends_what_is_under_way() -> None:
    async with posting(answers()) as (poster, url, server):
        task = asyncio.create_task(poster.post(url, (b"{}",), LIMITS))
        await asyncio.wait_for(server.asked.wait(), 5)
        await poster.close()
        with pytest.raises(Unanswered) as told:
            await asyncio.wait_for(task, 5)
        assert told.value.sent
        await asyncio.wait_for(server.ended.wait(), 5)


async def test_who_is_cancelled_closes_its_connection() -> None:
    async with posting(answers()) as (poster, url, server):
        task = asyncio.create_task(poster.post(url, (b"{}",), LIMITS))
        await asyncio.wait_for(server.asked.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.ended.wait(), 5)


async def test_nothing_is_sent_with_a_line_break_in_a_header_or_to_what_is_no_address() -> None:
    async with posting(answers(OK), Authorization="bearer a\r\nX-Evil: 1") as (poster, url, server):
        for address in (url, URL("ftp://127.0.0.1/x"), URL("/x")):
            with pytest.raises(Unanswered) as told:
                await poster.post(address, (b"{}",), LIMITS)
            assert not told.value.sent
    assert server.connections == 0
