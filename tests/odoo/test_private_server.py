"""A server of a test's own: what fault tests do to it works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psutil
import pytest

from zenoo_fast.client import ZenooClient
from zenoo_fast.exceptions import ZenooError

pytestmark = pytest.mark.odoo


async def partners(server: Any) -> int:
    async with ZenooClient(server.url) as client:
        await client.login_with_api_key(server.database, server.login, server.api_key)
        return int(await client.search_count("res.partner", [("ref", "=", "private")]))


async def test_is_configured_killed_and_started_again(odoo_server: Callable[..., Any]) -> None:
    server = odoo_server(workers=1, limit_time_real=40)
    async with ZenooClient(server.url) as client:
        await client.login_with_api_key(server.database, server.login, server.api_key)
        await client.create("res.partner", {"name": "Private", "ref": "private"})
    assert server.sql("select count(*) from res_partner where ref = 'private'") == [("1",)]

    killed = server.kill_worker()
    assert await partners(server) == 1
    assert not psutil.pid_exists(killed)

    server.kill()
    with pytest.raises(ZenooError):
        await partners(server)
    server.start(workers=2)
    assert await partners(server) == 1
    assert len(server.workers()) == 2
