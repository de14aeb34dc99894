"""What both HTTP transports share: one aiohttp session, bounded answers, and nothing that raises."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import ssl
import time
from collections.abc import Callable, Coroutine, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from yarl import URL

from zenoo_fast._core import __version__
from zenoo_fast.engine.outcome import Outcome, ServerError
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.transports import classify
from zenoo_fast.transports.base import Call, Connection, is_rows, rows_json
from zenoo_fast.transports.kept import Answer, Parts
from zenoo_fast.transports.post import Poster, Unanswered

logger = logging.getLogger(__name__)

Read = Callable[[int, bytes, float], Outcome | None]
"""The outcome of an answer: status, body, seconds; ``None`` where it is not Odoo's."""

_LONGEST_MESSAGE = 20_000
_LONGEST_DEBUG = 100_000
"""Characters kept of Odoo's texts; the end of a traceback says most."""

_HEADERS = {"User-Agent": f"zenoo-fast/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}
"""With these aiohttp adds none of its own, which costs it more."""

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False)

_NOT_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientConnectionResetError,
)


def to_json(value: Any) -> bytes:
    """A value as JSON, by the standard library.

    Raises:
        ValueError: It has no JSON form.
    """
    try:
        return _ENCODER.encode(value).encode()
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from error


def server_error(body: Any, status: int | None) -> ServerError | None:
    """Odoo's error body (``name message arguments debug``), or ``None`` where it is something else."""
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        return None
    arguments = body.get("arguments")
    message = str(body.get("message") or "").strip()[:_LONGEST_MESSAGE] or body["name"]
    debug = str(body.get("debug") or "")[-_LONGEST_DEBUG:]
    return ServerError(body["name"], message, tuple(arguments) if isinstance(arguments, list) else (), status, debug)


def retry_after(text: str) -> float | None:
    """The ``Retry-After`` header in seconds, where it is a number or a date; nonsense is passed over."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), 3600.0) if seconds == seconds else None  # noqa: PLR0124 - not a number


@functools.lru_cache(4096)
def name_json(name: str) -> bytes:
    """The name of a model, a method or an argument as JSON."""
    return to_json(name)


def append_argument(parts: list[bytes | memoryview], text: bytes, value: Any) -> bytes:
    """Add an argument's JSON to a body; that of rows is a part of its own, and not copied.

    Args:
        parts: The body's parts so far.
        text: What follows them.
        value: The argument.

    Returns:
        What follows the parts now.

    Raises:
        ValueError: It has no JSON form.
    """
    if is_rows(value):
        parts += (text + b"[", rows_json(value))
        return b"]"
    return text + to_json(value)


class ContextJson:
    """The JSON of contexts: call after call has the same one."""

    def __init__(self) -> None:
        self._last: tuple[Mapping[str, Any] | None, dict[str, Any], bytes] = (None, {}, b"")

    def __call__(self, context: Mapping[str, Any]) -> bytes:
        """It.

        Raises:
            ValueError: It has none.
        """
        last, held, text = self._last
        if context is not last or context != held:  # its owner may have changed it
            text = to_json(context)
            self._last = context, dict(context), text
        return text


class _Body:
    """A request's body, which may hold the secret: no repr shows it, that of a traceback's locals neither."""

    __slots__ = ("parts",)

    def __init__(self, content: bytes | Parts) -> None:
        self.parts: Parts = (content,) if isinstance(content, bytes) else content


class HttpTransport:
    """A transport over one aiohttp session. Subclasses say where a call goes and how its answer reads.

    Args:
        connection: Where and as whom.
    """

    name = "http"
    content_type = "application/json"
    """Of requests and answers; an answer of another type did not come from Odoo."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._context_json = ContextJson()
        self._poster: Poster | None = None

    async def open(self) -> None:
        """Make the session. Idempotent.

        Raises:
            ConfigurationError: The file of the certificate authority cannot be read.
        """
        if self._poster is None:
            connection = self.connection
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=ssl_setting(connection), ttl_dns_cache=60),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=_limits(connection, connection.timeout),
                headers={**_HEADERS, "Content-Type": self.content_type, **self.headers()},
            )
            self._poster = Poster(session, connection.max_answer_bytes)

    async def close(self) -> None:
        """Close the session. Idempotent."""
        poster, self._poster = self._poster, None
        if poster is not None:
            await poster.close()

    def headers(self) -> dict[str, str]:
        """Headers of every request."""
        return {"X-Odoo-Database": self.connection.database} if self.connection.database else {}

    def request(self, call: Call) -> tuple[URL, bytes | Parts]:
        """Where the call goes, and its body.

        Raises:
            ValueError: An argument has no JSON form.
        """
        raise NotImplementedError

    def read(self, status: int, body: bytes, seconds: float) -> Outcome | None:
        """The outcome of an answer of the type `content_type`; ``None`` where it is not Odoo's but some proxy's."""
        raise NotImplementedError

    def call(self, call: Call, /) -> Coroutine[Any, Any, Outcome]:
        """Send one call; see `Transport.call`."""
        return self._exchange(call, lambda: self.request(call))

    async def _exchange(
        self, call: Call, make: Callable[[], tuple[URL, bytes | Parts]], read: Read | None = None
    ) -> Outcome:
        """Post one request and read its answer.

        Args:
            call: For the time allowed and the log.
            make: Gives the address and the body; `ValueError` where an argument has no JSON form.
            read: Reads the answer; `read` without.
        """
        try:
            if self._poster is None:
                await self.open()
            url, body = _made(make)
        except ConfigurationError as error:
            return classify.exception(error, sent=False, hopeless=True)
        except ValueError as error:
            # As the server would refuse a value: whoever sent it finds the record.
            return classify.odoo_error(ServerError("builtins.ValueError", str(error)))
        poster = self._poster
        assert poster is not None
        timeout = poster.session.timeout
        if call.timeout is not None:
            timeout = _limits(self.connection, call.timeout)
        started = time.perf_counter()
        try:
            answer = await poster.post(url, body.parts, timeout)
        except Unanswered as unanswered:
            return self._unanswered(unanswered, url, time.perf_counter() - started)
        except asyncio.CancelledError as error:
            # The frames below this one hold the request and its headers, and so the secret.
            raise error.with_traceback(None)  # noqa: B904 - the same exception
        outcome = self._told(answer, read or self.read, time.perf_counter() - started)
        logger.debug("%s.%s: %s in %.3f s", call.model, call.method, outcome.kind, outcome.seconds)
        return outcome

    def _unanswered(self, unanswered: Unanswered, url: URL, seconds: float) -> Outcome:
        error = unanswered.error
        if isinstance(error, aiohttp.InvalidURL):
            return classify.exception(error, sent=False, hopeless=True, message=f"not an URL: {url}")
        if isinstance(error, _NOT_SENT) or not unanswered.sent:
            return self._not_sent(error, seconds)
        message = f"{self.connection.url}: {_lost(error)}"
        return classify.exception(error, sent=True, message=message, seconds=seconds)

    def _not_sent(self, error: Exception, seconds: float) -> Outcome:
        where = self.connection.url
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
            reason = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
            advice = "; for a private authority give its certificate (ca_file)"
            message = f"{where}: the TLS connection cannot be trusted or made: {reason}{advice}"
            return classify.exception(error, sent=False, hopeless=True, message=message, seconds=seconds)
        reason = getattr(error, "os_error", None) or error
        detail = str(getattr(reason, "strerror", None) or reason) or type(error).__name__
        return classify.exception(error, sent=False, message=f"{where} cannot be reached: {detail}", seconds=seconds)

    def _told(self, answer: Answer, read: Read, seconds: float) -> Outcome:
        """The outcome of an answer: Odoo's, or that of whatever stands between."""
        content, status = answer.content, answer.status
        if content is None:
            reason = f"the answer is larger than {self.connection.max_answer_bytes} bytes"
            return classify.unreadable(reason, status, seconds=seconds)
        outcome = read(status, content, seconds) if answer.media_type == self.content_type else None
        if outcome is not None:
            return outcome
        wait = retry_after(answer.retry_after)
        return classify.http_failure(status, retry_after=wait, body_start=content[:512], seconds=seconds)


def _limits(connection: Connection, seconds: float) -> aiohttp.ClientTimeout:
    """Of an exchange that may take so many seconds."""
    return aiohttp.ClientTimeout(total=seconds, connect=seconds, sock_connect=connection.connect_timeout)


def _lost(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ServerDisconnectedError | OSError):
        return f"the connection broke before the answer came ({getattr(error, 'strerror', None) or error})"
    return f"the answer cannot be read: {error}"


def _made(make: Callable[[], tuple[URL, bytes | Parts]]) -> tuple[URL, _Body]:
    url, content = make()
    return url, _Body(content)


_warned: set[str] = set()


def ssl_setting(connection: Connection) -> ssl.SSLContext | bool:
    """Aiohttp's ``ssl`` argument; an unverified connection is warned about once a server.

    Raises:
        ConfigurationError: The file of the certificate authority cannot be read.
    """
    if not connection.url.startswith("https:"):
        return True
    if not connection.verify_ssl:
        if connection.url not in _warned:
            _warned.add(connection.url)
            logger.warning("%s: the server's certificate is not verified", connection.url)
        return False
    if not connection.ca_file:
        return True
    try:
        return ssl.create_default_context(cafile=connection.ca_file)
    except OSError as error:  # an SSLError is one
        what = "not a PEM file of certificates" if isinstance(error, ssl.SSLError) else error.strerror or str(error)
        raise ConfigurationError(f"{connection.ca_file}: {what}") from None
