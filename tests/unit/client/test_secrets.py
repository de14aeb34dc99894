"""Passwords and API keys are in no repr, exception, traceback or log, whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
import traceback

import pytest

from zenoo_fast.batch import BatchManager
from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.pool import WorkerPool
from zenoo_fast.exceptions import AuthenticationError, ConfigurationError, ZenooError
from zenoo_fast.sandbox import Sandbox
from zenoo_fast.transports.base import TransportSpec

SECRET = "s3cr3t-of-this-test"


def told(error: BaseException) -> str:
    """All that a tool for error reports may show: messages, contexts, causes, and variables, but for this file's."""
    seen: list[str] = []
    found: BaseException | None = error
    while found is not None:
        seen += [repr(found), str(getattr(found, "context", "")), str(vars(found))]
        shown = traceback.TracebackException.from_exception(found, capture_locals=True)
        seen += [f"{frame.name}: {frame.locals}" for frame in shown.stack if frame.filename != __file__]
        found = found.__cause__ or found.__context__
    return "".join(seen)


class Silent:
    """A server that accepts connections and never answers."""

    async def __aenter__(self) -> str:
        async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.writers.append(writer)
            self.asked.set()
            await reader.read()

        self.asked = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []
        self.server = await asyncio.start_server(wait, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *error: object) -> None:
        for writer in self.writers:
            writer.close()
        self.server.close()


@pytest.fixture
async def server():
    async with Sandbox(api_key=SECRET) as made:
        made.password = SECRET
        yield made


async def log_in(client: ZenooClient, server: Sandbox, kind: str, secret: str = SECRET, database: str = "") -> None:
    how = client.login_with_api_key if kind == "json2" else client.login
    await how(database or server.database, server.login, secret)


@pytest.mark.parametrize("kind", ["json2", "jsonrpc"])
async def test_no_repr_and_no_log_shows_it(server, kind, caplog):
    caplog.set_level(logging.DEBUG)
    async with ZenooClient(server.url, transport=kind) as client:
        await log_in(client, server, kind)
        ids = await BatchManager(client, workers=1).bulk_create("res.partner", [{"name": "A"}])
        assert await client.search("res.partner", [("id", "in", ids)]) == ids
        pool = WorkerPool(client.transport_spec(), 1)
        shown = [client, client.connection, client.transport, client.transport_spec(), pool, BatchManager(client)]
        assert SECRET not in repr(shown) + str(client.connection)
    assert "res.partner" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("kind", ["json2", "jsonrpc"])
async def test_no_error_shows_it(server, kind):
    async with ZenooClient(server.url, transport=kind) as client:
        with pytest.raises(AuthenticationError) as wrong:
            await log_in(client, server, kind, SECRET + "-wrong")
        with pytest.raises(AuthenticationError) as no_database:
            await log_in(client, server, kind, database="nowhere")
        await log_in(client, server, kind)
        with pytest.raises(ZenooError) as refused:
            await client.create("res.partner", {"no_such_field": 1})
        with pytest.raises(ZenooError) as no_method:
            await client.execute_kw("res.partner", "no_such_method", [])
        server.password = server.api_key = "another"
        with pytest.raises(ZenooError) as expired:
            await client.search("res.partner", [])
    for caught in (wrong, no_database, refused, no_method, expired):
        assert SECRET not in told(caught.value)


@pytest.mark.parametrize("step", ["version", "login", "call"])
@pytest.mark.parametrize("kind", ["json2", "jsonrpc"])
async def test_a_cancelled_or_timed_out_call_does_not_show_it(server, kind, step, monkeypatch):
    silent = Silent()
    async with silent as url, ZenooClient(server.url, transport=kind, timeout=60) as client:
        if step == "call":
            await log_in(client, server, kind)
            client._connection = type(client.connection)(url, server.database, server.login, SECRET, client.uid)
            await client.close()
            client._set_transport(kind)
            work = client.search("res.partner", [])
        else:
            client._connection = type(client.connection)(url)
            if step == "login":

                async def known() -> dict[str, str]:
                    return {"server_version": "19.0"}

                monkeypatch.setattr(client, "get_server_version", known)
            work = log_in(client, server, kind)
        task = asyncio.ensure_future(work)
        await silent.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await task
    assert "_exchange: " in told(cancelled.value)
    assert SECRET not in told(cancelled.value)


def test_a_pool_that_cannot_be_made_does_not_show_it():
    from zenoo_fast.transports.base import Connection

    spec = TransportSpec("m:f", Connection("http://x", secret=SECRET), {"bad": object()})
    with pytest.raises(ConfigurationError, match="no JSON form") as caught:
        WorkerPool(spec, 1)
    assert SECRET not in told(caught.value)


@pytest.mark.parametrize("wrong", ["", "a\nb", "a\udc80", None])
async def test_a_secret_that_cannot_be_sent_is_refused_without_showing_it(server, wrong):
    async with ZenooClient(server.url) as client:
        with pytest.raises(ConfigurationError, match="empty or holds characters"):
            await client.login(server.database, server.login, wrong)
