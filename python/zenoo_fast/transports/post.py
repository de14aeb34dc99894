"""Posts a body over aiohttp's connections, and does nothing of what a session does beyond that.

A session prepares cookies, redirects, middlewares, traces and a body of any kind for every request, and before Python
3.12 a task that writes it: a third of what a call costs this side. Calls have a few addresses with the same headers
each, and their body is at hand. Connecting, TLS, the pool and the parser of unusual answers are aiohttp's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from zenoo_fast.transports.kept import Answer, Deadlines, KeptConnection, Parts

_KEPT_SECONDS = 1.0
"""A connection that is idle for longer goes back to aiohttp's pool."""
_AT_ONCE = 0.0


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
class _Target:
    """An address.

    Attributes:
        request: What connects to it.
        head: Of its requests; their length is left open.
        idle: Kept connections to its server, in the order in which they were last used.
    """

    request: aiohttp.ClientRequest
    head: bytes
    idle: list[KeptConnection]


class Poster:
    """Posts over the connections of a session.

    Args:
        session: Whose connector and headers are used; closed with this.
        max_answer_bytes: A larger body is not read.
    """

    def __init__(self, session: aiohttp.ClientSession, max_answer_bytes: int) -> None:
        connector = session.connector
        assert connector is not None
        self.session = session
        self._connector = connector
        self._max_answer_bytes = max_answer_bytes
        self._targets: dict[URL, _Target] = {}
        self._idle: dict[Hashable, list[KeptConnection]] = {}
        """Of each server."""
        self._giving_back: asyncio.TimerHandle | None = None
        self._deadlines = Deadlines()

    async def close(self) -> None:
        """Close the session and its connections. Idempotent."""
        self._deadlines.close()
        self._give_back(_AT_ONCE)
        await self.session.close()

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
            target = self._targets.get(url) or self._target(url)
            head = target.head % sum(map(len, body))
            request = (b"".join((head, body[0])), *body[1:])  # a socket takes few parts faster than many
            kept = _usable(target.idle)
            if kept is None:
                connection = await self._connector.connect(target.request, [], limits)
                kept = KeptConnection(connection, self._max_answer_bytes)
            sent = True
            if ends is not None:
                self._deadlines.watch(kept, ends)
            try:
                answer = await kept.exchange(request)
            except BaseException:
                kept.close()
                raise
            finally:
                self._deadlines.forget(kept)
            if answer.content is not None and kept.usable:
                kept.idle_since = loop.time()
                target.idle.append(kept)
                self._give_back_later(loop)
            else:
                kept.close()
        except TimeoutError as error:
            failure: Exception = error if sent else aiohttp.ConnectionTimeoutError(f"Connection timeout to host {url}")
            raise Unanswered(failure, sent=sent) from error
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            raise Unanswered(error, sent=sent) from error
        return answer

    def _give_back_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._giving_back is None:
            self._giving_back = loop.call_later(_KEPT_SECONDS, self._give_back, _KEPT_SECONDS)

    def _give_back(self, least: float) -> None:
        """Give back what has been idle for so many seconds: aiohttp's pool closes it in time."""
        if self._giving_back is not None:
            self._giving_back.cancel()
            self._giving_back = None
        loop = asyncio.get_running_loop()
        latest = loop.time() - least
        for idle in self._idle.values():
            while idle and idle[0].idle_since <= latest:
                idle.pop(0).give_back()
        if any(self._idle.values()):
            self._give_back_later(loop)

    def _target(self, url: URL) -> _Target:
        """The address, as it is from now on.

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
        target = _Target(request, head, self._idle.setdefault(request.connection_key, []))
        self._targets[url] = target
        return target


def _usable(idle: list[KeptConnection]) -> KeptConnection | None:
    """One that can be used, taken out of the list; those that were lost are closed."""
    while idle:
        kept = idle.pop()
        if kept.usable:
            return kept
        kept.close()
    return None
