"""Batches and transactions of our own client on the sandbox, over both transports, with and without workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from zenoo_fast.batch import BatchExecutionError, BatchManager
from zenoo_fast.client import ZenooClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from zenoo_fast.sandbox import Sandbox

MODEL = "res.partner"


@pytest.fixture(params=["json2", "jsonrpc"])
async def client(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[ZenooClient]:
    async with ZenooClient(sandbox.url, transport=request.param) as client:
        if request.param == "json2":
            await client.login_with_api_key(sandbox.database, sandbox.login, sandbox.api_key)
        else:
            await client.login(sandbox.database, sandbox.login, sandbox.password)
        yield client


async def names(client: ZenooClient, ids: list[int]) -> list[str]:
    return [record["name"] for record in await client.read(MODEL, ids, ["name"])]


async def test_create_update_delete(client: ZenooClient) -> None:
    manager = BatchManager(client)
    records: list[dict[str, Any]] = [{"name": f"Company {n}"} for n in range(250)]
    ids = await manager.bulk_create(MODEL, records, context={"tracking_disable": True})
    assert await names(client, ids) == [f"Company {n}" for n in range(250)]
    assert await manager.bulk_update(MODEL, [{"id": i, "name": f"New {n}"} for n, i in enumerate(ids)]) is True
    assert await names(client, ids) == [f"New {n}" for n in range(250)]
    assert await manager.bulk_update(MODEL, {"name": "same"}, ids[:120]) is True
    assert set(await names(client, ids[:120])) == {"same"}
    assert await manager.bulk_delete(MODEL, ids) is True
    assert await names(client, ids) == []


async def test_bad_rows_are_told(client: ZenooClient) -> None:
    records: list[dict[str, Any]] = [{"name": f"Company {n}"} for n in range(100)]
    records[17]["parent_id"] = records[71]["parent_id"] = 2_000_000_000
    with pytest.raises(BatchExecutionError) as caught:
        await BatchManager(client).bulk_create(MODEL, records)
    assert [reject.row for reject in caught.value.failed_operations] == [17, 71]
    good = [record_id for record_id in caught.value.partial_results["ids"] if record_id]
    assert await names(client, good) == [f"Company {n}" for n in range(100) if n not in {17, 71}]


async def test_a_transaction_is_undone(client: ZenooClient) -> None:
    await client.setup_transaction_manager()
    manager = await client.setup_batch_manager()
    ids = await manager.bulk_create(MODEL, [{"name": f"Company {n}"} for n in range(30)])
    total = await client.search_count(MODEL, [])
    with pytest.raises(RuntimeError, match="undo"):
        async with client.transaction() as tx:
            await manager.bulk_create(MODEL, [{"name": f"New {n}"} for n in range(20)])
            await manager.bulk_update(MODEL, [{"id": i, "name": f"Changed {i}"} for i in ids[:10]])
            await client.unlink(MODEL, ids[20:])
            raise RuntimeError("undo")
    again = [tx.recreated_ids[MODEL].get(i, i) for i in ids]
    assert await names(client, again) == [f"Company {n}" for n in range(30)]
    assert await client.search_count(MODEL, []) == total


async def test_workers_give_the_same(client: ZenooClient) -> None:
    manager = BatchManager(client, workers=2, max_chunk_size=20)
    records: list[dict[str, Any]] = [{"name": f"Company {n}"} for n in range(200)]
    records[55]["parent_id"] = 2_000_000_000
    with pytest.raises(BatchExecutionError) as caught:
        await manager.bulk_create(MODEL, records)
    ids = caught.value.partial_results["ids"]
    assert [row for row, record_id in enumerate(ids) if record_id is None] == [55]
    assert await names(client, [i for i in ids if i]) == [f"Company {n}" for n in range(200) if n != 55]
    assert await manager.bulk_update(MODEL, [{"id": i, "name": f"New {i}"} for i in ids if i]) is True


@pytest.mark.parametrize("count", [1, 200])
async def test_a_model_that_is_not_there_is_told_of_at_once(client: ZenooClient, sandbox: Sandbox, count: int) -> None:
    before = sandbox.calls
    with pytest.raises(BatchExecutionError, match=r"no\.such\.model") as caught:
        await BatchManager(client, workers=0).bulk_create("no.such.model", [{"name": "x"}] * count)
    assert {one.code for one in caught.value.failed_operations} == {"not_sent"}
    assert sandbox.calls - before <= 4
