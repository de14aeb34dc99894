"""The contract of a transport: how one call travels to a server and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeGuard, runtime_checkable

from zenoo_fast._core import Chunk
from zenoo_fast.engine.outcome import Outcome


@runtime_checkable
class Rows(Protocol):
    """Records as an argument of a call, in whichever form the transport speaks."""

    def __len__(self) -> int:
        """Number of records."""

    def json(self) -> bytes | memoryview:
        """The rows' JSON joined by commas, without the enclosing brackets."""

    def values(self) -> list[Any]:
        """The rows as Python values."""


_PLAIN = (str, int, float, dict, list, tuple, type(None))


def is_rows(value: Any) -> TypeGuard[Rows]:
    """Records, serialised already. The test for a protocol is slow: most arguments are chunks or plain values."""
    return isinstance(value, Chunk) or (not isinstance(value, _PLAIN) and isinstance(value, Rows))


def rows_json(rows: Rows) -> bytes | memoryview:
    """The JSON of records: a chunk's is not copied."""
    return rows.view() if isinstance(rows, Chunk) else rows.json()


@dataclass(slots=True)
class Call:
    """One request to the server. Nobody changes one, as of `Outcome`.

    Attributes:
        model: Model name.
        method: Method name.
        arguments: Name -> value, in the order of the method's positional parameters (``ids`` first where the method
            works on records). A value is JSON-serialisable, or `Rows`.
        context: The call's context, merged over the user's own by the server; left out when empty.
        timeout: Seconds allowed for the whole exchange; ``None`` takes the transport's.
    """

    model: str
    method: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """Where and as whom to talk to a server. Picklable; its repr shows no secret.

    Attributes:
        url: ``scheme://host[:port]``, without a trailing slash.
        database: Database name.
        login: User's login; not needed by ``json2``.
        secret: Password or API key.
        uid: User's database id once logged in (``jsonrpc``).
        is_api_key: The secret is an API key.
        timeout: Seconds for a whole exchange; above the server's own limits (Odoo: 120 s real time).
        connect_timeout: Seconds to connect.
        verify_ssl: Check the server's certificate.
        ca_file: PEM file of a private certificate authority.
        max_answer_bytes: A larger answer is refused.
    """

    url: str
    database: str = ""
    login: str = ""
    secret: str = field(default="", repr=False)
    uid: int | None = None
    is_api_key: bool = False
    timeout: float = 150.0
    connect_timeout: float = 10.0
    verify_ssl: bool = True
    ca_file: str | None = None
    max_answer_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TransportSpec:
    """What a worker process builds its transport from.

    Attributes:
        factory: ``module:attr``, called with the connection and the options as keywords.
        connection: Where and as whom.
        options: The transport's own settings; JSON-serialisable.
    """

    factory: str
    connection: Connection
    options: Mapping[str, Any] = field(default_factory=dict)


class Transport(Protocol):
    """Carries calls. One instance serves one event loop; a worker pool is a transport too.

    A transport never raises for what the server or the network does: that is an `Outcome`. Being cancelled is the
    only way out of `call` without one; the caller then treats the call as in doubt.
    """

    async def open(self) -> None:
        """Acquire what calls need. Idempotent."""

    async def call(self, call: Call, /) -> Outcome:
        """Send one call and classify what became of it. Safe to run many at once."""

    async def close(self) -> None:
        """Release everything. Idempotent; calls in flight end as in doubt."""


@runtime_checkable
class Positional(Protocol):
    """A transport whose protocol has positional arguments beside named ones, as ``execute_kw`` has.

    It carries calls of any method; without this, methods whose parameters' names are not known travel over
    ``/jsonrpc``.
    """

    async def call_with(self, call: Call, named: Mapping[str, Any], /) -> Outcome:
        """As `Transport.call`; `Call.arguments` go by position, whatever their names, `named` by name."""


@runtime_checkable
class LogsIn(Protocol):
    """A transport that can ask who nobody is yet; without this, a client logs in over ``/jsonrpc``."""

    async def common(self, method: str, arguments: list[Any], /) -> Outcome:
        """A call of Odoo's service ``common``: ``version`` of nothing, ``login`` of database, login and secret."""

    async def close(self) -> None:
        """See `Transport.close`."""
