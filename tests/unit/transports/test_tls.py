"""Servers behind TLS: trusted by their authority, never otherwise unless asked, and said so."""

from __future__ import annotations

import logging
import ssl
from contextlib import asynccontextmanager

import pytest
import trustme
from aiohttp import web

from zenoo_fast.batch import BatchManager
from zenoo_fast.cli.connection import Settings
from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.outcome import Action, OutcomeKind
from zenoo_fast.exceptions import ConfigurationError, ConnectionError  # noqa: A004
from zenoo_fast.transports.base import Call, Connection
from zenoo_fast.transports.json2 import Json2Transport
from zenoo_fast.transports.jsonrpc import JsonRpcTransport


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path):
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@asynccontextmanager
async def odoo_behind_tls(authority, host: str = "localhost"):
    """As much of Odoo as a log-in and a creation need, with a certificate for this host."""
    seen: list[str] = []

    async def jsonrpc(request: web.Request) -> web.Response:
        body = await request.json()
        seen.append(body["params"]["method"])
        results = {"version": {"server_version": "18.0"}, "login": 2, "execute_kw": [7]}
        return web.json_response({"jsonrpc": "2.0", "id": body["id"], "result": results[body["params"]["method"]]})

    app = web.Application()
    app.router.add_post("/jsonrpc", jsonrpc)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://localhost:{runner.addresses[0][1]}", seen
    finally:
        await runner.cleanup()


async def test_a_server_of_a_private_authority_is_trusted_with_its_file(authority, ca_file):
    async with odoo_behind_tls(authority) as (url, seen):
        settings = Settings(url, "db", "admin", password="pw", ca_file=ca_file)
        client = await settings.connect()
        try:
            ids = await BatchManager(client, workers=1).bulk_create("res.partner", [{"name": "A"}])
        finally:
            await client.close()
        assert ids == [7]
        assert seen == ["version", "login", "execute_kw"]


@pytest.mark.parametrize("host", ["localhost", "another.example"])
@pytest.mark.parametrize("kind", [Json2Transport, JsonRpcTransport])
async def test_nothing_is_sent_to_a_server_that_is_not_trusted(authority, ca_file, kind, host):
    """Of an unknown authority, or with the certificate of another host."""
    async with odoo_behind_tls(authority, host) as (url, seen):
        given = None if host == "localhost" else ca_file
        transport = kind(Connection(url, "db", "admin", "key", 2, ca_file=given))
        outcome = await transport.call(Call("res.partner", "search", {"domain": []}))
        await transport.close()
        assert (outcome.kind, outcome.action) == (OutcomeKind.NOT_EXECUTED, Action.STOP)
        assert outcome.error is not None
        assert url in outcome.error.message
        assert "ca_file" in outcome.error.message
        async with ZenooClient(url, ca_file=given) as client:
            with pytest.raises(ConnectionError, match="cannot be trusted"):
                await client.login("db", "admin", "pw")
        assert seen == []


async def test_an_unverified_server_is_used_when_asked_for_and_warned_about_once(authority, caplog):
    async with odoo_behind_tls(authority, "another.example") as (url, seen):
        with caplog.at_level(logging.WARNING):
            async with ZenooClient(url, verify_ssl=False) as client:
                await client.login("db", "admin", "pw")
                assert await client.create("res.partner", [{"name": "A"}]) == [7]
        assert len(seen) == 3
        warnings = [record.getMessage() for record in caplog.records if record.name.startswith("zenoo_fast")]
        assert warnings == [f"{url}: the server's certificate is not verified"]


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"no PEM", "not a PEM file")])
async def test_an_authority_file_that_is_none_is_told(tmp_path, content, reason):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    async with ZenooClient("https://localhost:1", ca_file=str(path)) as client:
        with pytest.raises(ConnectionError, match=reason):
            await client.login("db", "admin", "pw")
    with pytest.raises(ConfigurationError, match=reason):
        await Json2Transport(Connection("https://localhost:1", ca_file=str(path))).open()
