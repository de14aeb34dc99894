"""Who a key belongs to is asked with the key itself: Odoo's own log-in takes most of a second over it."""

from __future__ import annotations

import pytest

from zenoo_fast.client import ZenooClient
from zenoo_fast.exceptions import AuthenticationError
from zenoo_fast.sandbox import Sandbox


@pytest.fixture
async def server():
    async with Sandbox() as made:
        yield made


@pytest.mark.parametrize(("transport", "logs_in"), [("auto", False), ("json2", False), ("jsonrpc", True)])
async def test_a_key_is_asked_whose_it_is(server, transport, logs_in, monkeypatch):
    asked: list[str] = []
    answer = server._common
    monkeypatch.setattr(server, "_common", lambda name, args: asked.append(name) or answer(name, args))
    async with ZenooClient(server.url, transport=transport) as client:
        await client.login_with_api_key(server.database, server.login, server.api_key)
        assert (client.uid, client.username) == (2, server.login)
        assert await client.search_count("res.partner", []) >= 0
    assert ("login" in asked) is logs_in


@pytest.mark.parametrize("wrong", ["database", "login", "key"])
@pytest.mark.parametrize("transport", ["auto", "json2", "jsonrpc"])
async def test_what_does_not_fit_together_is_one_line(server, transport, wrong):
    given = {"database": server.database, "login": server.login, "key": server.api_key, wrong: "another"}
    async with ZenooClient(server.url, transport=transport) as client:
        with pytest.raises(AuthenticationError, match="another" if wrong != "key" else "API key"):
            await client.login_with_api_key(given["database"], given["login"], given["key"])
        assert not client.is_authenticated
