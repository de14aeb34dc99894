"""Every line of the tables of outcomes: what came, and what it is taken for.

`recorded/odoo19.json` holds what a real Odoo 19 answered (`tests/odoo/test_recorded_answers.py` holds it to that);
`recorded/odoo14.json` has the shapes of Odoo 14, which differ in their codes and in what old psycopg2 calls things.
"""

from __future__ import annotations

import asyncio
import json
import socket
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any

import pytest

from zenoo_fast.engine.outcome import Action, OutcomeKind
from zenoo_fast.transports import classify
from zenoo_fast.transports.base import Call, Connection
from zenoo_fast.transports.http import retry_after
from zenoo_fast.transports.json2 import Json2Transport
from zenoo_fast.transports.jsonrpc import JsonRpcTransport, _Reply

RECORDED = Path(__file__).parent / "recorded"
CONNECTION = Connection("http://127.0.0.1:1", "db", "admin", "key", 2)

DATA = (OutcomeKind.REFUSED, Action.FIND_ROWS)
TRANSIENT = (OutcomeKind.REFUSED, Action.RETRY)
SMALLER = (OutcomeKind.REFUSED, Action.SPLIT)
LATER = (OutcomeKind.NOT_EXECUTED, Action.RETRY)
TOO_LARGE = (OutcomeKind.NOT_EXECUTED, Action.SPLIT)
STOP = (OutcomeKind.NOT_EXECUTED, Action.STOP)
DOUBT = (OutcomeKind.IN_DOUBT, Action.RETRY)

ODOO19 = {
    "a field that is not there": DATA,
    "a selection that is none": DATA,
    "a float that is none": DATA,
    "NUL in a text": DATA,
    "a many2one that is a text": DATA,
    "a many2one to a missing id": DATA,
    "a missing id in write": DATA,
    "a missing id in unlink": DATA,
    "a required value is missing": DATA,
    "a unique value that is taken": DATA,
    "a check of the database": DATA,
    "no access right": DATA,
    "a wrong key": STOP,
    "a body that is cut": STOP,
    "a body beyond 128 MiB": TOO_LARGE,
    "SQLSTATE 40001 five times": TRANSIENT,
    "SQLSTATE 40P01 five times": TRANSIENT,
    "SQLSTATE 55P03 five times": TRANSIENT,
    "SQLSTATE 57014": SMALLER,
    "SQLSTATE 53100": TRANSIENT,
    "SQLSTATE 53300": LATER,
    "SQLSTATE 25006": TRANSIENT,
    "SQLSTATE 08006": DOUBT,
    "SQLSTATE 57P01": DOUBT,
    "SQLSTATE 23514": DATA,
}
# What over /jsonrpc can only be told by asking (`engine/prospects.py`), or not for certain, /json/2 tells by itself.
BY_PROTOCOL = {
    "json2": {"no such model": STOP, "no such method": STOP, "a wrong argument": STOP, "no such database": STOP},
    "jsonrpc": {"no such model": DATA, "no such method": DATA, "a wrong argument": DATA, "no such database": DOUBT},
}
ODOO14 = {
    "a field that is not there": DATA,
    "a selection that is none": DATA,
    "a float that is none": DATA,
    "a many2one that is a text": DATA,
    "a many2one to a missing id": DATA,
    "a missing id in write": DATA,
    "a required value is missing": DATA,
    "a unique value that is taken": DATA,
    "a rule of a module": DATA,
    "a warning that leads elsewhere": DATA,
    "no access right": DATA,
    "no such model": DATA,
    "no such method": DATA,
    "a wrong argument": DATA,
    "a wrong key": STOP,
    "no such database": DOUBT,
    "a session that has ended": STOP,
    "no such address": STOP,
    "SQLSTATE 40001 five times": TRANSIENT,
    "SQLSTATE 40001, an old psycopg2": TRANSIENT,
    "SQLSTATE 57014, an old psycopg2": SMALLER,
    "a lost connection to the database": DOUBT,
    "no connection to the database to be had": LATER,
}


def recorded(name: str, protocol: str) -> dict[str, Any]:
    return json.loads((RECORDED / f"{name}.json").read_text())[protocol]


def read(protocol: str, answer: dict[str, Any]) -> Any:
    """As the transport reads it."""
    body = answer["body"]
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    outcome = None
    if answer["type"] == "application/json":
        parse = Json2Transport(CONNECTION).read if protocol == "json2" else _Reply(1)
        outcome = parse(answer["status"], content, 0.5)
    return outcome or classify.http_failure(answer["status"], body_start=content[:512], seconds=0.5)


@pytest.mark.parametrize(
    ("source", "protocol", "name", "expected"),
    [("odoo19", protocol, *one) for protocol, more in BY_PROTOCOL.items() for one in (ODOO19 | more).items()]
    + [("odoo14", "jsonrpc", *one) for one in ODOO14.items()],
)
def test_what_odoo_answers(source: str, protocol: str, name: str, expected: tuple[OutcomeKind, Action]) -> None:
    answer = recorded(source, protocol)[name]
    outcome = read(protocol, answer)
    assert (outcome.kind, outcome.action) == expected
    assert outcome.error is not None
    assert outcome.seconds == 0.5
    body = answer["body"]
    if isinstance(body, dict):
        told = body["error"]["data"] if "error" in body else body
        assert (outcome.error.name, outcome.error.message) == (told["name"], told["message"].strip())
        assert outcome.error.arguments == tuple(told["arguments"])


@pytest.mark.parametrize(("source", "protocol"), [("odoo19", "json2"), ("odoo19", "jsonrpc"), ("odoo14", "jsonrpc")])
def test_every_recorded_answer_has_its_line(source: str, protocol: str) -> None:
    table = ODOO14 if source == "odoo14" else ODOO19 | BY_PROTOCOL[protocol]
    assert set(recorded(source, protocol)) == set(table)


NAMES = {
    STOP: """odoo.exceptions.AccessDenied odoo.http.SessionExpiredException werkzeug.exceptions.Unauthorized
        werkzeug.exceptions.Forbidden werkzeug.exceptions.NotFound werkzeug.exceptions.MethodNotAllowed
        werkzeug.exceptions.BadRequest werkzeug.exceptions.UnprocessableEntity
        werkzeug.exceptions.UnsupportedMediaType""",
    TOO_LARGE: "werkzeug.exceptions.RequestEntityTooLarge",
    LATER: """werkzeug.exceptions.TooManyRequests psycopg2.errors.TooManyConnections odoo.sql_db.PoolError
        psycopg2.pool.PoolError""",
    SMALLER: "builtins.MemoryError psycopg2.errors.QueryCanceled psycopg2.extensions.QueryCanceledError",
    TRANSIENT: """psycopg2.errors.SerializationFailure psycopg2.errors.DeadlockDetected
        psycopg2.errors.TransactionRollback psycopg2.extensions.TransactionRollbackError
        psycopg2.errors.LockNotAvailable odoo.exceptions.LockError odoo.exceptions.ConcurrencyError
        psycopg2.errors.InsufficientResources psycopg2.errors.DiskFull psycopg2.errors.OutOfMemory
        psycopg2.errors.ReadOnlySqlTransaction""",
    DOUBT: """psycopg2.OperationalError psycopg2.InterfaceError psycopg2.errors.AdminShutdown
        psycopg2.errors.CrashShutdown psycopg2.errors.CannotConnectNow psycopg2.errors.ConnectionException
        psycopg2.errors.ConnectionDoesNotExist psycopg2.errors.ConnectionFailure
        psycopg2.errors.TransactionResolutionUnknown""",
    DATA: """odoo.exceptions.ValidationError odoo.exceptions.UserError odoo.exceptions.AccessError
        odoo.exceptions.MissingError odoo.exceptions.RedirectWarning odoo.exceptions.CacheMiss builtins.ValueError
        builtins.KeyError builtins.TypeError psycopg2.errors.UniqueViolation psycopg2.errors.NotNullViolation
        psycopg2.errors.ForeignKeyViolation psycopg2.errors.CheckViolation psycopg2.errors.NumericValueOutOfRange
        psycopg2.IntegrityError psycopg2.DataError my_module.models.SerializationFailure my_module.OperationalError""",
}


@pytest.mark.parametrize(("expected", "name"), [(one, name) for one, names in NAMES.items() for name in names.split()])
def test_exceptions_are_told_by_their_names_alone(expected: tuple[OutcomeKind, Action], name: str) -> None:
    for message in ("x", "could not serialize access", "deadlock detected", "Access Denied"):
        body = {"name": name, "message": message, "arguments": [], "context": {}, "debug": ""}
        outcome = read("json2", {"status": 500, "type": "application/json", "body": body})
        assert (outcome.kind, outcome.action) == expected


def test_every_name_of_the_table_has_its_line() -> None:
    lines = {name for verdict, names in NAMES.items() if verdict != DATA for name in names.split()}
    assert lines == set(classify._BY_NAME)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("could not serialize access due to concurrent update", Action.RETRY),
        ("deadlock detected\nDETAIL:  Process 1 waits", Action.RETRY),
        ('could not obtain lock on row in relation "res_partner"', Action.RETRY),
        ("No matching record found for name 'x' in field 'Country'", Action.FIND_ROWS),
        ("", Action.FIND_ROWS),
    ],
)
def test_messages_of_load(text: str, action: Action) -> None:
    """Where Odoo passes nothing on but PostgreSQL's own words."""
    assert classify.load_message({"type": "error", "message": text}) is action


STATUSES = [
    (400, None, STOP),
    (401, None, STOP),
    (403, None, STOP),
    (404, None, STOP),
    (405, None, STOP),
    (407, None, STOP),
    (408, None, LATER),
    (411, None, STOP),
    (413, None, TOO_LARGE),
    (415, None, STOP),
    (429, None, LATER),
    (429, "7", LATER),
    (301, None, STOP),
    (418, None, STOP),
    (200, None, DOUBT),
    (500, None, DOUBT),
    (502, None, DOUBT),
    (503, None, DOUBT),
    (503, "7", LATER),
    (504, None, DOUBT),
    (524, None, DOUBT),
]
BODIES = {"text/html": b"<html>", "application/json": b'{"message":"API rate limit exceeded"}'}
PLACES = [
    (transport, kind, *line)
    for transport in (Json2Transport, JsonRpcTransport)
    for kind in BODIES
    for line in STATUSES
    # Over /json/2 any JSON with status 200 is a result; whoever reads it sees that it is none.
    if (transport, kind, line[0]) != (Json2Transport, "application/json", 200)
]


@pytest.mark.parametrize(("transport", "kind", "status", "wait", "expected"), PLACES)
async def test_what_others_answer_in_odoos_place(
    transport: Any, kind: str, status: int, wait: str | None, expected: tuple[OutcomeKind, Action]
) -> None:
    """Proxies and gateways, in HTML or in JSON of their own."""
    body = BODIES[kind]
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    answer = f"{head}{f'Retry-After: {wait}' if wait else 'X: y'}\r\n\r\n".encode() + body
    outcome = await outcome_of(transport, answer)
    assert (outcome.kind, outcome.action) == expected
    assert outcome.retry_after == (float(wait) if wait else None)


async def outcome_of(transport: Any, answer: bytes) -> Any:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made = transport(Connection(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "db", "admin", "key", 2))
    try:
        return await made.call(Call("res.partner", "create", {"vals_list": [{"name": "Ada"}]}))
    finally:
        await made.close()
        server.close()


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
        ("-3", 0, 0),
        ("1e9", 3600, 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
    ],
)
def test_retry_after(text: str, low: float, high: float) -> None:
    found = retry_after(text)
    assert found is not None
    assert low <= found <= high


def test_retry_after_a_moment() -> None:
    found = retry_after(formatdate(time() + 600, usegmt=True))
    assert found is not None
    assert 0 < found <= 601


@pytest.mark.parametrize("text", ["", "soon", "nan", "Wed, 99 Foo 2015"])
def test_no_retry_after(text: str) -> None:
    assert retry_after(text) is None


def full() -> tuple[socket.socket, list[socket.socket]]:
    """A server whose queue is full: nobody gets through any more."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    waiting = []
    for _ in range(3):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(server.getsockname())
        waiting.append(one)
    return server, waiting


@pytest.mark.parametrize("kind", [Json2Transport, JsonRpcTransport])
async def test_nobody_there(kind: Any) -> None:
    """A refused connection, a name that is none, a connection that does not come about: nothing was sent."""
    server, waiting = full()
    addresses = (
        "http://127.0.0.1:1",
        "http://no-such-host.invalid:8069",
        f"http://127.0.0.1:{server.getsockname()[1]}",
    )
    for address in addresses:
        transport = kind(Connection(address, "db", "admin", "key", 2, connect_timeout=0.3))
        outcome = await transport.call(Call("res.partner", "create", {"vals_list": [{}]}))
        await transport.close()
        assert (outcome.kind, outcome.action) == LATER, (address, outcome)
    for one in (server, *waiting):
        one.close()
