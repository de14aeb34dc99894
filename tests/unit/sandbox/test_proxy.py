"""What the fault proxy does to a request, seen from both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from zenoo_fast.sandbox.proxy import FaultProxy, ProxyFault

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox


async def create(url: str, key: str) -> tuple[int, Any]:
    headers = {"Authorization": f"bearer {key}"}
    path = f"{url}/json/2/res.partner/create"
    async with aiohttp.ClientSession() as session:  # noqa: SIM117
        async with session.post(path, json={"vals_list": [{"name": "P"}]}, headers=headers) as answer:
            return answer.status, await answer.read()


async def test_passes_on_and_drips(sandbox: Sandbox) -> None:
    async with FaultProxy(sandbox.url, sequence=[ProxyFault("drip")]) as proxy:
        assert (await create(proxy.url, sandbox.api_key))[0] == 200
        assert (await create(proxy.url, sandbox.api_key))[0] == 200
        assert [action for _, action, _ in proxy.made] == ["drip", "pass"]


@pytest.mark.parametrize(
    ("action", "stored"), [("reset-before", 0), ("reset-middle", 0), ("lose-answer", 1), ("garbage", 0)]
)
async def test_no_answer(sandbox: Sandbox, action: Any, stored: int) -> None:
    async with FaultProxy(sandbox.url, sequence=[ProxyFault(action)]) as proxy:
        with pytest.raises(aiohttp.ClientError):
            await create(proxy.url, sandbox.api_key)
    assert len(sandbox.store.search("res.partner", [("name", "=", "P")])) == stored


async def test_status(sandbox: Sandbox) -> None:
    async with FaultProxy(sandbox.url, sequence=[ProxyFault("status", status=429, retry_after=1)]) as proxy:
        assert (await create(proxy.url, sandbox.api_key))[0] == 429


async def test_the_seed_decides(sandbox: Sandbox) -> None:
    plan = [ProxyFault("pass"), ProxyFault("status")]
    runs = []
    for _ in range(2):
        async with FaultProxy(sandbox.url, plan=plan, seed=7) as proxy:
            for _ in range(8):
                await create(proxy.url, sandbox.api_key)
            runs.append([action for _, action, _ in proxy.made])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {"pass", "status"}
