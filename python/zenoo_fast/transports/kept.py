"""Connections that are kept for many exchanges, and one timer for all that may take too long.

To take a connection from aiohttp's pool and give it back, to set up its parser and a stream for the body costs more
than all else about a call that is answered at once. So a connection is kept while it is busy, and the usual answer is
cut into head and body by a function that knows nothing else (`zenoo_fast._core.usual_answer`). Any other one, or one
that breaks off, goes to aiohttp's parser as it came.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.connector import Connection

from zenoo_fast._core import usual_answer

Parts = Sequence[bytes | memoryview]
"""A request or its body: text, then rows and text in turn. Rows are large, and are not copied into it."""

_GRANULARITY = 0.001
"""Seconds: timers may end that much early."""


@dataclass(slots=True)
class Answer:
    """An answer.

    Attributes:
        status: HTTP status.
        media_type: Of the body: lower case, without parameters; empty where the answer names none.
        retry_after: The header of that name, or empty.
        content: The body; ``None`` where it is larger than allowed, and was not read to its end.
    """

    status: int
    media_type: str
    retry_after: str
    content: bytes | None


class KeptConnection(asyncio.Protocol):
    """One of aiohttp's connections, from when it is taken to when it is given back: one exchange at a time.

    Args:
        connection: It.
        max_answer_bytes: A larger body is not read.

    Attributes:
        idle_since: When its last exchange ended, in the loop's time.

    Raises:
        aiohttp.ClientConnectionResetError: It has been lost.
    """

    __slots__ = (
        "_answered",
        "_connection",
        "_data",
        "_ends",
        "_handler",
        "_max_answer_bytes",
        "_missing",
        "_overdue",
        "_transport",
        "_usual",
        "idle_since",
    )

    def __init__(self, connection: Connection, max_answer_bytes: int) -> None:
        transport = connection.transport
        if transport is None or transport.is_closing():
            connection.close()
            raise aiohttp.ClientConnectionResetError("the connection was closed before the request could be written")
        self._connection = connection
        self._handler: Any = connection.protocol
        self._transport = transport
        self._max_answer_bytes = max_answer_bytes
        self._answered: asyncio.Future[tuple[str, bytes] | None] | None = None
        """Ends with the usual answer, or with nothing where aiohttp's parser has what there is of another one."""
        self._data: list[bytes] = []
        """What came of this answer, until aiohttp's parser has it."""
        self._usual: tuple[str, bytes] | None = None
        self._missing = 0
        """Bytes of the usual answer that have not come yet."""
        self._overdue = False
        self._ends = False
        """The server closes it after its answer, or sent more than that."""
        self.idle_since = 0.0
        transport.set_protocol(self)

    @property
    def usable(self) -> bool:
        """Another exchange can go over it."""
        return not self._ends and not self._transport.is_closing()

    async def exchange(self, request: Parts) -> Answer:
        """Send a request, and read its answer. Where that is not read to its end, it has to be closed.

        Raises:
            TimeoutError: It was cut.
            aiohttp.ClientError: It broke.
            aiohttp.http_exceptions.HttpProcessingError: What came is no answer.
        """
        self._answered = asyncio.get_running_loop().create_future()
        try:
            self._transport.writelines(request)
            usual = await self._answered
            if usual is not None:
                return Answer(200, usual[0], "", usual[1])
            answer = await self._other_answer()
            self._ends = self._handler.should_close
        except Exception:
            self._check()
            raise
        finally:
            self._answered = None
        self._check()
        return answer

    def _check(self) -> None:
        """That it was cut looks like a lost connection, or like the end of a body."""
        if self._overdue:
            raise TimeoutError

    def cut(self) -> None:
        """End an exchange that takes too long. ``asyncio.timeout`` does the same to a task, and costs more."""
        self._overdue = True
        self._transport.abort()

    def give_back(self) -> None:
        """Back to aiohttp's pool."""
        self._transport.set_protocol(self._handler)
        self._connection.release()

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    # ---- the answer --------------------------------------------------------------------------------------------------

    async def _other_answer(self) -> Answer:
        while True:
            message, payload = await self._handler.read()
            if message.code == 101 or not 100 <= message.code <= 199:
                break
        headers: Mapping[str, str] = message.headers
        media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Answer(message.code, media_type, headers.get("Retry-After", ""), await self._bounded(headers, payload))

    async def _bounded(self, headers: Mapping[str, str], payload: aiohttp.StreamReader) -> bytes | None:
        """The body, or ``None`` where it is larger than allowed; no more of it is read then."""
        limit = self._max_answer_bytes
        length = headers.get("Content-Length")
        if length is not None and length.isdigit():
            return None if int(length) > limit else await payload.read()
        parts: list[bytes] = []
        size = 0
        async for part in payload.iter_any():
            size += len(part)
            if size > limit:
                return None
            parts.append(part)
        return b"".join(parts)

    def _leave_to_parser(self) -> None:
        """What came is not the usual answer."""
        assert self._answered is not None
        data, self._data, self._usual = b"".join(self._data), [], None
        self._handler.set_response_params(read_until_eof=True, auto_decompress=True)
        if data:
            self._handler.data_received(data)
        self._answered.set_result(None)

    # ---- what the transport tells ------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Part of an answer, or something that nobody asked for."""
        answered = self._answered
        if answered is None:
            self._transport.close()
        elif answered.done():
            self._handler.data_received(data)
        else:
            self._data.append(data)
            if self._usual is not None:
                self._missing -= len(data)
            elif (found := usual_answer(data)) is not None and found[1] <= self._max_answer_bytes:
                self._usual = (found[0], found[2])
                self._missing = found[1] - len(found[2])
            else:
                self._missing = -1
            if not self._missing:
                media_type, content = self._usual  # type: ignore[misc]  # it is there where nothing is missing
                more = self._data[1:]
                self._data, self._usual = [], None
                answered.set_result((media_type, b"".join((content, *more)) if more else content))
            elif self._missing < 0:
                self._leave_to_parser()

    def eof_received(self) -> None:
        """The server sends no more."""
        self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if self._answered is not None and not self._answered.done():
            self._leave_to_parser()
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        """Nobody waits for that; aiohttp's side has to know when it is given back."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Likewise."""
        self._handler.resume_writing()


class Deadlines:
    """Cuts what takes too long. One timer for all: one for each costs as much as all else about watching it."""

    def __init__(self) -> None:
        self._watched: dict[KeptConnection, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next = math.inf

    def watch(self, connection: KeptConnection, ends: float) -> None:
        """Cut it at a time of the loop, unless it is forgotten before."""
        self._watched[connection] = ends
        if ends < self._next:
            self._look_at(ends)

    def forget(self, connection: KeptConnection) -> None:
        """Its exchange has ended."""
        self._watched.pop(connection, None)

    def close(self) -> None:
        """Cut nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._next = None, math.inf

    def _look_at(self, ends: float) -> None:
        self.close()
        self._timer, self._next = asyncio.get_running_loop().call_at(ends, self._look), ends

    def _look(self) -> None:
        self.close()
        now = asyncio.get_running_loop().time() + _GRANULARITY
        for connection, ends in list(self._watched.items()):
            if ends <= now:
                del self._watched[connection]
                connection.cut()
        if self._watched:
            self._look_at(min(self._watched.values()))
