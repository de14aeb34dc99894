"""What is special to XML-RPC."""

from __future__ import annotations

import asyncio
import os
import uuid
import xmlrpc.client

import pytest

from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind
from zenoo_fast.importing import import_records
from zenoo_fast.transports import classify
from zenoo_fast.transports.base import Call, Connection
from zenoo_fast_xmlrpc.transport import XmlRpcTransport, server_error

CONNECTION = Connection("http://127.0.0.1:1", "db", "admin", "secret", uid=2)
TRACE = "Traceback (most recent call last):\n"
AGAIN = "\nDuring handling of the above exception, another exception occurred:\n\n"
FAILURE = "psycopg2.errors.SerializationFailure"
ANSWER = b"<methodResponse><params><param><value>%b</value></param></params></methodResponse>"
FAULTS = [
    (2, "Contacts require a name\n", "odoo.exceptions.UserError", "Contacts require a name"),
    (3, "Access Denied", "odoo.exceptions.AccessDenied", "Access Denied"),
    (4, "You may not", "odoo.exceptions.AccessError", "You may not"),
    (1, f'{TRACE}  File "x.py", line 1\n    z\n    ^\nValueError: No field\n', "builtins.ValueError", "No field"),
    (
        1,
        f"{TRACE}  a\nKeyError: 1\n{AGAIN}{TRACE}  b\n{FAILURE}: could not\nDETAIL: x\n\n",
        FAILURE,
        "could not\nDETAIL: x",
    ),
    (1, f"{TRACE}  a\nMemoryError\n", "builtins.MemoryError", "MemoryError"),
    (7, "  something else", "xmlrpc.client.Fault.7", "something else"),
    (1, "", "xmlrpc.client.Fault.1", "a fault"),
]


@pytest.mark.parametrize(("code", "text", "name", "message"), FAULTS)
def test_faults_have_the_exceptions_name(code: int, text: str, name: str, message: str) -> None:
    error = server_error(xmlrpc.client.Fault(code, text), 200)
    assert (error.name, error.message) == (name, message)


def test_a_serialization_failure_is_repeated() -> None:
    outcome = classify.odoo_error(server_error(xmlrpc.client.Fault(1, f"{TRACE}  a\n{FAILURE}: no\n"), 200))
    assert (outcome.kind, outcome.action) == (OutcomeKind.REFUSED, Action.RETRY)


@pytest.mark.parametrize("value", ["a\x00b", "a\x1bb", "\ud800", 2**31, {1, 2}])
def test_what_xml_cannot_carry_is_refused_before_it_is_sent(value: object) -> None:
    call = Call("res.partner", "create", {"vals_list": [{"name": value}]})
    with pytest.raises(ValueError, match="cannot carry"):
        XmlRpcTransport(CONNECTION).request(call)

    async def body() -> Outcome:
        transport = XmlRpcTransport(CONNECTION)
        try:
            return await transport.call(call)
        finally:
            await transport.close()

    outcome = asyncio.run(body())
    assert (outcome.kind, outcome.action) == (OutcomeKind.REFUSED, Action.FIND_ROWS)


def test_carriage_returns_stay() -> None:
    _, body = XmlRpcTransport(CONNECTION).request(Call("m", "create", {"vals_list": [{"name": "a\r\nb\rc"}]}))
    (*_, positional, _), _ = xmlrpc.client.loads(body)
    assert positional == [[{"name": "a\r\nb\rc"}]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"<methodResponse></methodResponse>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + ANSWER % b"<string>&a;</string>",
        ANSWER % b"<int>x</int>",
    ],
)
def test_nonsense_and_entities_are_in_doubt(body: bytes) -> None:
    assert XmlRpcTransport(CONNECTION).read(200, body, 0.0).kind is OutcomeKind.IN_DOUBT


@pytest.mark.skipif(
    "ZENOO_FAST_TEST_ODOO_URL" not in os.environ and os.environ.get("CI") != "true",
    reason="no real Odoo: ZENOO_FAST_TEST_ODOO_URL",
)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_real_odoo(workers: int) -> None:
    async def body() -> None:
        url = os.environ["ZENOO_FAST_TEST_ODOO_URL"]
        database = os.environ.get("ZENOO_FAST_TEST_ODOO_DATABASE", "odoo19")
        login = os.environ.get("ZENOO_FAST_TEST_ODOO_LOGIN", "admin")
        password = os.environ.get("ZENOO_FAST_TEST_ODOO_PASSWORD", "admin")
        mark = f"xmlrpc {uuid.uuid4().hex[:8]}"
        async with ZenooClient(url, transport="xmlrpc") as client:
            await client.login(database, login, password)
            records = [{"name": f"{mark} ä<&>\r\n{number}", "color": number % 9} for number in range(200)]
            records[77] = {"name": f"{mark} bad", "country_id": 999_999}
            report = await import_records(client, "res.partner", records, chunk_size=50, workers=workers)
            assert (report.read, report.created, report.rejected, report.adds_up) == (200, 199, 1, True)
            # Odoo writes carriage returns into XML as they are, where a parser loses them: read over JSON.
            async with ZenooClient(url, transport="jsonrpc") as reader:
                await reader.login(database, login, password)
                found = await reader.search_read("res.partner", [("name", "=like", f"{mark}%")], ["name"])
            assert {one["name"] for one in found} >= {f"{mark} ä<&>\r\n{number}" for number in (0, 76, 78, 199)}
            await client.unlink("res.partner", [one["id"] for one in found])

    asyncio.run(body())
