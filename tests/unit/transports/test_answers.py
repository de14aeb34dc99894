"""What servers and networks answer, and the outcome it becomes; against a real socket."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.outcome import Action, OutcomeKind
from zenoo_fast.exceptions import AuthenticationError, ConfigurationError, ConnectionError  # noqa: A004
from zenoo_fast.transports.base import Call, Connection
from zenoo_fast.transports.client_object import ClientObjectTransport
from zenoo_fast.transports.json2 import Json2Transport
from zenoo_fast.transports.jsonrpc import JsonRpcTransport

CALL = Call("res.partner", "create", {"vals_list": [{"name": "Ada"}]}, {"lang": "en_US"})


def http(status: str, body: bytes, kind: str = "application/json", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


@asynccontextmanager
async def answering(answer: bytes):
    """A server that reads one request a connection, answers with these bytes and closes."""
    requests: list[tuple[str, dict[str, str], bytes]] = []

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        requests.append((first, headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests
    finally:
        server.close()


async def outcome_of(kind, answer, **settings):
    async with answering(answer) as (url, requests):
        transport = kind(Connection(url, "db", "admin", "key", 2, **settings))
        try:
            return await transport.call(CALL), requests
        finally:
            await transport.close()


DOUBT = (OutcomeKind.IN_DOUBT, Action.RETRY)
STOP = (OutcomeKind.NOT_EXECUTED, Action.STOP)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", DOUBT),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{", DOUBT),
        (b"nonsense\r\n\r\n", DOUBT),
        (http("502 Bad Gateway", b"<html>", "text/html"), DOUBT),
        (http("200 OK", b"<html>", "text/html"), DOUBT),
        (http("404 Not Found", b"<html>", "text/html"), STOP),
        (http("302 Found", b"", "text/html", "Location: http://127.0.0.1:1/\r\n"), STOP),
        (http("413 Too Large", b"", "text/html"), (OutcomeKind.NOT_EXECUTED, Action.SPLIT)),
        (http("503 Busy", b"", "text/html", "Retry-After: 7\r\n"), (OutcomeKind.NOT_EXECUTED, Action.RETRY)),
    ],
)
@pytest.mark.parametrize("kind", [Json2Transport, JsonRpcTransport])
async def test_answers_that_are_not_odoos(kind, answer, expected):
    outcome, requests = await outcome_of(kind, answer)
    assert (outcome.kind, outcome.action) == expected
    assert len(requests) == 1
    assert "key" not in repr(outcome)


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'"x"', b"[" * 100_000, b'{"error": 1}', b'{"error": {}}'])
async def test_json_that_is_no_reply_is_in_doubt(body):
    outcome, _ = await outcome_of(JsonRpcTransport, http("200 OK", body))
    assert outcome.kind is OutcomeKind.IN_DOUBT


@pytest.mark.parametrize("kind", [Json2Transport, JsonRpcTransport])
async def test_an_answer_larger_than_allowed_is_not_read(kind):
    outcome, _ = await outcome_of(kind, http("200 OK", b'{"result":[1,2,3]}'), max_answer_bytes=5)
    assert outcome.kind is OutcomeKind.IN_DOUBT


async def test_requests_are_as_odoo_wants_them():
    outcome, [(first, headers, body)] = await outcome_of(Json2Transport, http("200 OK", b"[7]"))
    assert outcome.value() == [7]
    assert first.startswith("POST /json/2/res.partner/create ")
    assert (headers["authorization"], headers["x-odoo-database"]) == ("bearer key", "db")
    assert json.loads(body) == {"vals_list": [{"name": "Ada"}], "context": {"lang": "en_US"}}
    outcome, [(first, headers, body)] = await outcome_of(JsonRpcTransport, http("200 OK", b'{"id":1,"result":[7]}'))
    assert outcome.value() == [7]
    assert headers["x-odoo-database"] == "db"
    assert json.loads(body)["params"]["args"] == [
        *("db", 2, "key", "res.partner", "create", [[{"name": "Ada"}]], {"context": {"lang": "en_US"}})
    ]


async def test_a_refused_connection_was_not_executed():
    transport = Json2Transport(Connection("http://127.0.0.1:1", "db", secret="key"))
    outcome = await transport.call(CALL)
    await transport.close()
    assert (outcome.kind, outcome.action) == (OutcomeKind.NOT_EXECUTED, Action.RETRY)


async def test_client_objects_get_four_positional_arguments_and_untouched_values():
    seen = []

    class Client:
        def execute_kw(self, *arguments):
            seen.append(arguments)
            return [1]

    values = [{"name": "Ada"}]
    transport = ClientObjectTransport(Client())
    assert (await transport.call(Call("m", "create", {"vals_list": values}))).value() == [1]
    assert seen == [("m", "create", [values], {})]
    assert seen[0][2][0] is values


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError(), OutcomeKind.IN_DOUBT),
        (ConnectionResetError(), OutcomeKind.IN_DOUBT),
        (ConnectionRefusedError(), OutcomeKind.NOT_EXECUTED),
        (ValueError("bad"), OutcomeKind.REFUSED),
    ],
)
async def test_what_client_objects_raise_is_an_outcome(error, kind):
    class Client:
        async def execute_kw(self, *_):
            raise error

    assert (await ClientObjectTransport(Client()).call(CALL)).kind is kind


@pytest.mark.parametrize("address", ["ftp://x", "http://", "http://u:pw@x", "http://x/odoo", "http://x:port"])
def test_an_address_that_is_none_is_refused_without_showing_it(address):
    with pytest.raises(ConfigurationError) as caught:
        ZenooClient(address)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        (("host",), "http://host:8069"),
        (("host:81",), "http://host:81"),
        (("host", 80, "https"), "https://host:80"),
        (("https://host",), "https://host:443"),
        (("http://[::1]:8069",), "http://[::1]:8069"),
    ],
)
def test_addresses(arguments, url):
    assert ZenooClient(*arguments).connection.url == url


async def test_an_html_server_and_a_client_not_logged_in_are_told_in_one_line():
    async with answering(http("200 OK", b"<html>", "text/html")) as (url, _), ZenooClient(url) as client:
        with pytest.raises(ConnectionError, match="an HTML page instead of Odoo's JSON"):
            await client.login("db", "admin", "hidden-secret")
        assert "hidden-secret" not in repr(client) + repr(client.connection)
        with pytest.raises(AuthenticationError, match="login"):
            await client.execute_kw("m", "read", [[1]])
