"""Posts a body over aiohttp's connections, and does nothing of what a session does beyond that.

A session prepares cookies, redirects, middlewares, traces and a body of any kind for every request, and before Python
3.12 a task that writes it: a third of what a call costs this side. Calls have a few addresses with the same headers
each, and their body is at hand. Connecting, TLS, the pool and the parser are aiohttp's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

Parts = Sequence[bytes | memoryview]
"""A body in parts: rows are large, and are not copied into it."""


class Unanswered(Exception):  # noqa: N818 - what became of the request, not a fault of ours
    """No usable answer came.

    Args:
        error: Why.
        sent: A byte of the request may have left.
    """

    def __init__(self, error: Exception, *, sent: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.sent = sent


@dataclass(slots=True)
class Answer:
    """An answer.

    Attributes:
        status: HTTP status.
        headers: Its headers; their names have no case.
        content: The body; ``None`` where it is larger than allowed, and was not read to its end.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes | None


def _writable(connection: Connection) -> asyncio.Transport:
    transport = connection.transport
    if transport is None or transport.is_closing():
        raise aiohttp.ClientConnectionResetError("the connection was closed before the request could be written")
    return transport


class _Cut:
    """Ends an exchange that takes too long by cutting its connection.

    ``asyncio.timeout`` does the same to a task, and costs twice as much.
    """

    __slots__ = ("_connection", "_done")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._done = False

    def __call__(self) -> None:
        self._done = True
        transport = self._connection.transport
        if transport is not None:
            transport.abort()

    def check(self) -> None:
        """Raise a `TimeoutError` where it was cut: that looks like a lost connection, or the end of a body."""
        if self._done:
            raise TimeoutError


def _joined(head: bytes, body: Parts) -> Parts:
    """The request with all but the rows put together: a socket takes few parts faster than many."""
    parts: list[bytes | memoryview] = []
    for part in body:
        if isinstance(part, bytes):
            head += part
        else:
            parts += (head, part)
            head = b""
    parts.append(head)
    return parts


class Poster:
    """Posts over the connections of a session.

    Args:
        session: Whose connector and headers are used; it stays the caller's to close.
        max_answer_bytes: A larger body is not read.
    """

    def __init__(self, session: aiohttp.ClientSession, max_answer_bytes: int) -> None:
        connector = session.connector
        assert connector is not None
        self.session = session
        self._connector = connector
        self._max_answer_bytes = max_answer_bytes
        self._targets: dict[URL, tuple[aiohttp.ClientRequest, bytes]] = {}

    async def post(self, url: URL, body: Parts, limits: aiohttp.ClientTimeout) -> Answer:
        """Post and read the answer.

        Args:
            url: Where to.
            body: In parts.
            limits: ``total`` for the whole exchange; ``connect`` and ``sock_connect`` for connecting.

        Raises:
            Unanswered: There is none.
        """
        sent = False
        loop = asyncio.get_running_loop()
        ends = None if limits.total is None else loop.time() + limits.total
        try:
            target, head = self._targets.get(url) or self._target(url)
            request = _joined(head % sum(map(len, body)), body)
            connection = await self._connector.connect(target, [], limits)
            sent = True
            return await self._exchange(connection, request, loop, ends)
        except TimeoutError as error:
            failure: Exception = error if sent else aiohttp.ConnectionTimeoutError(f"Connection timeout to host {url}")
            raise Unanswered(failure, sent=sent) from error
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            raise Unanswered(error, sent=sent) from error

    async def _exchange(
        self, connection: Connection, request: Parts, loop: asyncio.AbstractEventLoop, ends: float | None
    ) -> Answer:
        cut = _Cut(connection)
        timer = None if ends is None else loop.call_at(ends, cut)
        try:
            _writable(connection).writelines(request)
            answer = await self._answer(connection.protocol)
            cut.check()
        except BaseException as error:
            connection.close()
            if isinstance(error, Exception):
                cut.check()
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if answer.content is None:
            connection.close()
        else:
            connection.release()
        return answer

    async def _answer(self, protocol: Any) -> Answer:
        protocol.set_response_params(read_until_eof=True, auto_decompress=True)
        while True:
            message, payload = await protocol.read()
            if message.code == 101 or not 100 <= message.code <= 199:
                break
        return Answer(message.code, message.headers, await self._bounded(message.headers, payload))

    async def _bounded(self, headers: Mapping[str, str], payload: aiohttp.StreamReader) -> bytes | None:
        """The body, or ``None`` where it is larger than allowed; no more of it is read then."""
        limit = self._max_answer_bytes
        length = headers.get("Content-Length")
        if length is not None and length.isdigit():
            if int(length) > limit:
                return None
            return payload.read_nowait() if payload.is_eof() else await payload.read()
        parts: list[bytes] = []
        size = 0
        async for part in payload.iter_any():
            size += len(part)
            if size > limit:
                return None
            parts.append(part)
        return b"".join(parts)

    def _target(self, url: URL) -> tuple[aiohttp.ClientRequest, bytes]:
        """What connects to an address, and the head of its requests; their length is left open.

        Raises:
            aiohttp.InvalidURL: It is no URL.
        """
        if url.scheme not in {"http", "https"} or not url.host:
            raise aiohttp.InvalidURL(url)
        request = aiohttp.ClientRequest(
            "POST",
            url,
            headers=self.session.headers,
            loop=asyncio.get_running_loop(),
            session=self.session,
        )
        lines = [f"POST {request.url.raw_path_qs} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request.headers.items() if name.lower() != "content-length"]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a line break in a header or address")
        head = "\r\n".join(lines).encode().replace(b"%", b"%%") + b"\r\nContent-Length: %d\r\n\r\n"
        self._targets[url] = request, head
        return request, head
