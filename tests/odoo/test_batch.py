"""Batches on a real Odoo, through client objects and through our own client's transports."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from plain_client import PlainClient

from zenoo_fast.batch import BatchExecutionError, BatchManager
from zenoo_fast.client import ZenooClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from zenoo_fast.transports.base import Call, Transport

pytestmark = pytest.mark.odoo

MODEL = "res.partner"


class Counted:
    """A client of either kind, with the number of calls it made by method."""

    def __init__(self, client: Any, counts: dict[str, int]) -> None:
        self.client = client
        self.counts = counts

    @property
    def total(self) -> int:
        return sum(self.counts.values())


class _Counting:
    def __init__(self, inner: Transport, counts: dict[str, int]) -> None:
        self.inner = inner
        self.counts = counts

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def call(self, call: Call, /) -> Any:
        self.counts[call.method] = self.counts.get(call.method, 0) + 1
        return await self.inner.call(call)


@pytest.fixture(params=["client object", "json2", "jsonrpc"])
async def counted(request: pytest.FixtureRequest, odoo: Any) -> AsyncIterator[Counted]:
    if request.param == "client object":
        async with PlainClient(odoo.url, odoo.database, odoo.login, odoo.password) as plain:
            yield Counted(plain, plain.counts)
        return
    counts: dict[str, int] = {}

    class Client(ZenooClient):
        @property
        def transport(self) -> Transport:
            counting: Any = _Counting(super().transport, counts)
            return counting  # type: ignore[no-any-return]

    async with Client(odoo.url, transport=request.param) as client:
        if request.param == "json2":
            await client.login_with_api_key(odoo.database, odoo.login, odoo.api_key)
        else:
            await client.login(odoo.database, odoo.login, odoo.password)
        counts.clear()
        yield Counted(client, counts)


async def read(client: Any, ids: list[int], *fields: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = await client.execute_kw(MODEL, "read", [ids], {"fields": list(fields)})
    return answer


async def test_3000_ids_come_in_the_order_of_the_records(counted: Counted) -> None:
    records = [{"name": f"order {n}", "ref": str(n)} for n in range(3000)]
    ids = await BatchManager(counted.client).bulk_create(MODEL, records, context={"tracking_disable": True})
    assert counted.counts["create"] == 30
    assert [record["name"] for record in await read(counted.client, ids, "name")] == [f"order {n}" for n in range(3000)]
    assert len(set(ids)) == 3000


async def test_3000_ids_come_in_order_through_two_worker_processes(odoo: Any) -> None:
    async with ZenooClient(odoo.url) as client:
        await client.login_with_api_key(odoo.database, odoo.login, odoo.api_key)
        records = [{"name": f"workers {n}"} for n in range(3000)]
        ids = await BatchManager(client, workers=2).bulk_create(MODEL, records)
        assert [record["name"] for record in await read(client, ids, "name")] == [f"workers {n}" for n in range(3000)]


async def test_ten_bad_records_of_a_thousand(counted: Counted) -> None:
    """Only the server sees what is wrong: links to a partner that does not exist."""
    records: list[dict[str, Any]] = [{"name": f"bad rows {n}"} for n in range(1000)]
    bad = [chunk * 100 + (chunk * 37) % 100 for chunk in range(10)]
    for row in bad:
        records[row]["parent_id"] = 2_000_000_000 + row
    with pytest.raises(BatchExecutionError, match=r"^Bulk create failed: ") as caught:
        await BatchManager(counted.client).bulk_create(MODEL, records, context={"tracking_disable": True})
    error = caught.value
    assert (error.partial_results["created"], error.partial_results["failed"]) == (990, 10)
    assert [reject.row for reject in error.failed_operations] == bad
    assert all("does not exist or has been deleted" in reject.message for reject in error.failed_operations)
    assert counted.total <= 160
    ids = error.partial_results["ids"]
    assert [row for row, record_id in enumerate(ids) if record_id is None] == bad
    good = [record_id for record_id in ids if record_id]
    names = [record["name"] for record in await read(counted.client, good, "name")]
    assert names == [f"bad rows {n}" for n in range(1000) if n not in bad]


async def test_updates_and_deletes(counted: Counted) -> None:
    manager = BatchManager(counted.client)
    quiet = {"tracking_disable": True}
    ids = await manager.bulk_create(MODEL, [{"name": f"update {n}"} for n in range(500)], context=quiet)
    counted.counts.clear()
    updates = [{"id": record_id, "name": f"updated {n}", "color": n % 7} for n, record_id in enumerate(ids)]
    assert await manager.bulk_update(MODEL, updates, context=quiet) is True
    assert counted.total <= 6
    assert "write" not in counted.counts
    found = await read(counted.client, ids, "name", "color")
    assert [(r["name"], r["color"]) for r in found] == [(f"updated {n}", n % 7) for n in range(500)]
    counted.counts.clear()
    assert await manager.bulk_update(MODEL, {"city": "Oslo"}, ids, context=quiet) is True
    assert await manager.bulk_delete(MODEL, ids) is True
    assert counted.counts == {"write": 5, "unlink": 5}
    assert await read(counted.client, ids, "name") == []


async def test_a_refused_update_names_its_record(counted: Counted) -> None:
    manager = BatchManager(counted.client)
    ids = await manager.bulk_create(MODEL, [{"name": f"refused {n}"} for n in range(20)])
    updates: list[dict[str, Any]] = [{"id": i, "name": f"changed {n}"} for n, i in enumerate(ids)]
    updates[7]["type"] = "nonsense"
    with pytest.raises(BatchExecutionError, match=r"^Bulk update failed: ") as caught:
        await manager.bulk_update(MODEL, updates)
    assert [reject.row for reject in caught.value.failed_operations] == [7]
    names = [record["name"] for record in await read(counted.client, ids, "name")]
    assert names == [f"changed {n}" if n != 7 else "refused 7" for n in range(20)]


async def test_the_context_takes_effect(counted: Counted, odoo: Any) -> None:
    """Without `tracking_disable` Odoo writes a message for each new partner; with it none."""
    manager = BatchManager(counted.client)
    loud = await manager.bulk_create(MODEL, [{"name": "loud"}])
    quiet = await manager.bulk_create(MODEL, [{"name": "quiet"}], context={"tracking_disable": True})

    def messages(record_id: int) -> int:
        query = f"SELECT count(*) FROM mail_message WHERE model = '{MODEL}' AND res_id = {record_id}"
        return int(odoo.sql(query)[0][0])

    assert messages(loud[0]) > 0
    assert messages(quiet[0]) == 0


async def test_operations_of_a_batch(counted: Counted) -> None:
    manager = BatchManager(counted.client, max_concurrency=4)
    ids = await manager.bulk_create(MODEL, [{"name": f"batch {n}"} for n in range(10)])
    batch = manager.create_batch()
    batch.update(MODEL, {"city": "first"}, ids).update(MODEL, {"city": "second"}, ids[:5])
    batch.create(MODEL, [{"name": "later"}], priority=-1).unlink(MODEL, ids[9:])
    results = await batch.execute()
    assert results["stats"]["completed_operations"] == 4
    cities = {record["id"]: record["city"] for record in await read(counted.client, ids, "city")}
    assert [cities.get(i) for i in ids] == ["second"] * 5 + ["first"] * 4 + [None]


async def test_a_wrong_model_or_field_is_told(counted: Counted) -> None:
    manager = BatchManager(counted.client)
    with pytest.raises(BatchExecutionError):
        await manager.bulk_create("no.such.model", [{"name": "x"}])
    with pytest.raises(BatchExecutionError, match="no_such_field"):
        await manager.bulk_create(MODEL, [{"name": "x", "no_such_field": 1}])


async def test_batches_at_once_do_not_disturb_each_other(counted: Counted) -> None:
    manager = BatchManager(counted.client, max_chunk_size=20)
    answers = await asyncio.gather(
        *(manager.bulk_create(MODEL, [{"name": f"at once {k} {n}"} for n in range(60)]) for k in range(3))
    )
    for k, ids in enumerate(answers):
        assert [r["name"] for r in await read(counted.client, ids, "name")] == [f"at once {k} {n}" for n in range(60)]
