"""Taking over the connection of a zenoo-rpc client."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from zenoo_fast.batch import BatchManager
from zenoo_fast.client import ZenooClient
from zenoo_fast.exceptions import AuthenticationError

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox


def zenoo_rpc_client(url: str, **session: Any) -> Any:
    """What zenoo-rpc 0.2's client keeps of its log-in."""
    parts = urlsplit(url)
    return SimpleNamespace(
        host=parts.hostname, port=parts.port, protocol=parts.scheme, _session=SimpleNamespace(**session)
    )


async def test_the_connection_is_taken_over(sandbox: Sandbox) -> None:
    async with ZenooClient(sandbox.url) as first:
        await first.login(sandbox.database, sandbox.login, sandbox.password)
        uid = first.uid
    old = zenoo_rpc_client(
        sandbox.url, database=sandbox.database, username=sandbox.login, password=sandbox.password, uid=uid
    )
    async with ZenooClient.from_zenoo_rpc(old) as client:
        assert client.is_authenticated
        assert (client.database, client.username, client.uid) == (sandbox.database, sandbox.login, uid)
        assert sandbox.password not in repr(client).replace(repr(sandbox.login), "")
        ids = await BatchManager(client, workers=1).bulk_create("res.partner", [{"name": "A"}, {"name": "B"}])
        assert [r["name"] for r in await client.read("res.partner", ids, ["name"])] == ["A", "B"]


@pytest.mark.parametrize(
    "session",
    [{}, {"uid": None, "password": None}, {"uid": 2, "password": None, "database": "x", "username": "admin"}],
)
def test_a_client_that_is_not_logged_in_is_refused(session: dict[str, Any]) -> None:
    with pytest.raises(AuthenticationError, match="not logged in with a password"):
        ZenooClient.from_zenoo_rpc(zenoo_rpc_client("http://localhost:8069", **session))
    with pytest.raises(AuthenticationError):
        ZenooClient.from_zenoo_rpc(object())
