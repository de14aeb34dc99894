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
            limits: ``total`` for the whole exchange, ``sock_connect`` for connecting.

        Raises:
            Unanswered: There is none.
        """
        sent = False
        try:
            target, head = self._targets.get(url) or self._target(url)
            async with asyncio.timeout(limits.total):
                connection = await self._connector.connect(target, [], limits)
                try:
                    transport = _writable(connection)
                    sent = True
                    length = sum(map(len, body))
                    answer = await self._exchanged(connection, transport, (head % length, *body))
                except BaseException:
                    connection.close()
                    raise
                if answer.content is None:
                    connection.close()
                else:
                    connection.release()
                return answer
        except TimeoutError as error:
            failure: Exception = error if sent else aiohttp.ConnectionTimeoutError(f"Connection timeout to host {url}")
            raise Unanswered(failure, sent=sent) from error
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            raise Unanswered(error, sent=sent) from error

    async def _exchanged(self, connection: Connection, transport: asyncio.Transport, request: Parts) -> Answer:
        protocol: Any = connection.protocol
        protocol.set_response_params(read_until_eof=True, auto_decompress=True)
        transport.writelines(request)
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
            return await payload.read() if int(length) <= limit else None
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
