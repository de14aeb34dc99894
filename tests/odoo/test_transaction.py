"""Transactions on a real Odoo: what is undone is as it was."""

from __future__ import annotations

import asyncio
import collections
from typing import TYPE_CHECKING, Any

import pytest
from plain_client import PlainClient

from zenoo_fast.batch import BatchManager
from zenoo_fast.client import ZenooClient
from zenoo_fast.transaction import TransactionManager, TransactionSetupError, TransactionState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from zenoo_fast.engine.outcome import Outcome
    from zenoo_fast.transports.base import Call, Transport

pytestmark = pytest.mark.odoo

MODEL = "res.partner"
COLUMNS = "name, email, phone, ref, city, color, active, is_company, parent_id, lang, tz, comment, function, type"

COUNT = "SELECT count(*) FROM res_partner WHERE name LIKE 'tx %' OR name LIKE 'changed %'"


class Undo(Exception):  # noqa: N818
    """What makes the transactions roll back."""


class CountedClient(ZenooClient):
    """With the number of calls by method, as `PlainClient` has it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.counts: collections.Counter[str] = collections.Counter()

    @property
    def transport(self) -> Transport:
        return _Counting(super().transport, self.counts)


class _Counting:
    def __init__(self, inner: Transport, counts: collections.Counter[str]) -> None:
        self.inner = inner
        self.counts = counts

    async def open(self) -> None:
        await self.inner.open()

    async def close(self) -> None:
        await self.inner.close()

    async def call(self, call: Call, /) -> Outcome:
        self.counts[call.method] += 1
        return await self.inner.call(call)


@pytest.fixture(params=["client object", "json2"])
async def client(request: pytest.FixtureRequest, odoo: Any) -> AsyncIterator[PlainClient | CountedClient]:
    if request.param == "client object":
        async with PlainClient(odoo.url, odoo.database, odoo.login, odoo.password) as plain:
            yield plain
        return
    async with CountedClient(odoo.url, transport=request.param) as ours:
        await ours.login_with_api_key(odoo.database, odoo.login, odoo.api_key)
        yield ours


@pytest.fixture
async def partners(client: PlainClient | CountedClient) -> list[int]:
    """900 partners with values of every common kind."""
    manager = BatchManager(client, max_chunk_size=300)
    categories = await manager.bulk_create("res.partner.category", [{"name": f"tx category {n}"} for n in range(3)])
    parents = await manager.bulk_create(MODEL, [{"name": f"tx parent {n}", "is_company": True} for n in range(5)])
    return await manager.bulk_create(
        MODEL,
        [
            {
                "name": f"tx partner {n}",
                "email": f"tx{n}@example.com",
                "phone": f"+49 {n}",
                "ref": f"TX-{n}",
                "city": "Berlin" if n % 2 else False,
                "color": n % 11,
                "active": n % 7 != 0,
                "parent_id": parents[n % 5],
                "comment": f"<p>comment {n}</p>",
                "function": "buyer",
                "category_id": [(6, 0, categories[: n % 4])],
            }
            for n in range(900)
        ],
        context={"tracking_disable": True},
    )


def snapshot(odoo: Any, ids: list[int]) -> dict[str, Any]:
    """The partners by their unique `ref`, with their categories; ids are left out."""
    listed = ",".join(map(str, ids))
    rows = odoo.sql(f"SELECT ref, {COLUMNS} FROM res_partner WHERE id IN ({listed})")
    links = odoo.sql(
        "SELECT p.ref, c.category_id FROM res_partner_res_partner_category_rel c "
        f"JOIN res_partner p ON p.id = c.partner_id WHERE p.id IN ({listed}) ORDER BY 1, 2"
    )
    return {"rows": {row[0]: tuple(row) for row in rows}, "links": [tuple(link) for link in links]}


async def change(
    client: PlainClient | CountedClient, partners: list[int], entered: asyncio.Event | None = None
) -> None:
    """Create 500, update 300, delete 100; then wait for ever, or raise."""
    manager = BatchManager(client)
    created = await manager.bulk_create(MODEL, [{"name": f"tx new {n}"} for n in range(500)])
    await manager.bulk_update(MODEL, {"city": "Paris", "category_id": [(5,)], "parent_id": created[0]}, partners[:100])
    await manager.bulk_update(
        MODEL,
        [{"id": i, "name": f"changed {i}", "color": 5, "active": True} for i in partners[100:300]],
        context={"tracking_disable": True},
    )
    if entered is not None:
        entered.set()
    await manager.bulk_delete(MODEL, partners[300:400])
    if entered is not None:
        await manager.bulk_create(MODEL, [{"name": f"tx new {n}"} for n in range(500)])
        await asyncio.sleep(600)
    raise Undo


async def test_everything_is_undone(client: PlainClient | CountedClient, odoo: Any, partners: list[int]) -> None:
    before = snapshot(odoo, partners)
    assert len(before["rows"]) == 900
    total = odoo.sql(COUNT)
    transactions = TransactionManager(client)
    with pytest.raises(Undo) as caught:
        async with transactions.transaction() as tx:
            await change(client, partners)
    assert tx.state is TransactionState.ROLLED_BACK
    new_ids = tx.recreated_ids[MODEL]
    assert sorted(new_ids) == sorted(partners[300:400])
    assert snapshot(odoo, [new_ids.get(i, i) for i in partners]) == before
    assert odoo.sql(COUNT) == total
    assert f"{MODEL} {partners[300]} -> {new_ids[partners[300]]}" in caught.value.__notes__[0]


async def test_a_cancelled_task_is_undone(client: PlainClient | CountedClient, odoo: Any, partners: list[int]) -> None:
    before = snapshot(odoo, partners)
    total = odoo.sql(COUNT)
    transactions = TransactionManager(client)
    entered = asyncio.Event()
    seen: list[Any] = []

    async def work() -> None:
        async with transactions.transaction() as tx:
            seen.append(tx)
            await change(client, partners, entered)

    task = asyncio.create_task(work())
    await entered.wait()
    sent = client.counts["create"]
    while client.counts["create"] == sent and not task.done():  # noqa: ASYNC110 - the second creation is on its way
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (tx,) = seen
    assert tx.state is TransactionState.ROLLED_BACK
    new_ids = tx.recreated_ids[MODEL]
    assert snapshot(odoo, [new_ids.get(i, i) for i in partners]) == before
    assert odoo.sql(COUNT) == total


@pytest.mark.parametrize("transport", ["json2", "jsonrpc"])
async def test_our_clients_own_methods_are_undone(odoo: Any, transport: Any) -> None:
    async with ZenooClient(odoo.url, transport=transport) as client:
        if transport == "json2":
            await client.login_with_api_key(odoo.database, odoo.login, odoo.api_key)
        else:
            await client.login(odoo.database, odoo.login, odoo.password)
        with pytest.raises(TransactionSetupError, match="setup_transaction_manager"):
            client.transaction()
        await client.setup_transaction_manager()
        first, second = await client.create(MODEL, [{"name": "tx kept", "city": "Oslo"}, {"name": "tx deleted"}])
        with pytest.raises(Undo):
            async with client.transaction() as tx:
                created = await client.create(MODEL, {"name": "tx new"})
                await client.write(MODEL, first, {"city": "Rome", "parent_id": created})
                await client.unlink(MODEL, [second])
                await BatchManager(client).bulk_update(MODEL, {"phone": "1"}, [first])
                assert [operation.operation_type for operation in tx.operations] == [
                    "create",
                    "update",
                    "delete",
                    "update",
                ]
                raise Undo
        again = tx.recreated_ids[MODEL][second]
        found = await client.read(MODEL, [first, again, created], ["name", "city", "parent_id", "phone"])
        assert [(r["name"], r["city"], r["parent_id"], r["phone"]) for r in found] == [
            ("tx kept", "Oslo", False, False),
            ("tx deleted", False, False, False),
        ]
