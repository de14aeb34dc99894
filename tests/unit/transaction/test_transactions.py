"""Transactions that undo: recorded through the BatchManager, or by hand."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from memory_odoo import MemoryOdoo, ValidationError

from zenoo_fast.batch import BatchExecutionError, BatchManager
from zenoo_fast.transaction import (
    Transaction,
    TransactionCommitError,
    TransactionError,
    TransactionManager,
    TransactionRollbackError,
    TransactionState,
    TransactionStateError,
    atomic,
    savepoint,
    transaction,
    tx_context,
)

MODEL = "res.partner"


@pytest.fixture
def transactions(odoo: MemoryOdoo) -> TransactionManager:
    return TransactionManager(odoo)


class Stop(Exception):  # noqa: N818
    """What the tests raise to make a transaction roll back."""


def rows(odoo: MemoryOdoo) -> dict[int, dict[str, Any]]:
    return copy.deepcopy(odoo.table())


def contents(odoo: MemoryOdoo) -> list[Any]:
    """The table without its ids, and without what is empty."""
    return sorted(str(sorted((k, v) for k, v in values.items() if v)) for values in odoo.table().values())


async def test_what_commits_stays(odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager) -> None:
    async with transactions.transaction("mine") as tx:
        assert transactions.get_current_transaction() is tx is transactions.get_transaction("mine")
        ids = await manager.bulk_create(MODEL, [{"name": "A"}])
        assert [operation.operation_type for operation in tx.operations] == ["create"]
    assert tx.state is TransactionState.COMMITTED
    assert list(odoo.table()) == ids
    assert transactions.get_current_transaction() is None
    assert transactions.get_stats() == {
        "active_transactions": 0,
        "total_transactions": 0,
        "total_operations": 0,
        "current_transaction_id": None,
        "successful_transactions": 1,
        "failed_transactions": 0,
    }


async def test_an_exception_undoes_everything(
    odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager
) -> None:
    ids = odoo.seed(40, email="old@example.com", category_id=[(6, 0, [7, 8])])
    odoo.table()[ids[1]]["parent_id"] = ids[0]
    before, before_contents, deleted = rows(odoo), contents(odoo), ids[20:30]
    with pytest.raises(Stop) as caught:
        async with transactions.transaction() as tx:
            created = await manager.bulk_create(MODEL, [{"name": f"New {n}"} for n in range(20)])
            await manager.bulk_update(MODEL, {"email": "new@example.com", "category_id": [(6, 0, [9])]}, ids[:10])
            await manager.bulk_update(
                MODEL, [{"id": i, "name": f"Changed {i}", "parent_id": created[0]} for i in ids[1:6]]
            )
            await manager.bulk_delete(MODEL, deleted)
            raise Stop
    assert contents(odoo) == before_contents
    assert set(odoo.table()) - set(before) == set(tx.recreated_ids[MODEL].values())
    assert odoo.table()[ids[1]]["parent_id"] == ids[0]
    assert tx.state is TransactionState.ROLLED_BACK
    assert list(tx.recreated_ids[MODEL]) == deleted
    for old, new in tx.recreated_ids[MODEL].items():
        assert odoo.table()[new]["name"] == before[old]["name"]
        assert odoo.table()[new]["category_id"] == [7, 8]
    (note,) = caught.value.__notes__
    assert f"{MODEL} {ids[20]} -> {tx.recreated_ids[MODEL][ids[20]]}" in note


async def test_only_written_fields_are_read_and_in_bulk(
    odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager
) -> None:
    ids = odoo.seed(250)
    async with transactions.transaction():
        await manager.bulk_update(MODEL, {"email": "new@example.com"}, ids)
    reads = [call for call in odoo.calls if call[1] == "read"]
    assert len(reads) == 3
    assert all(call[3]["fields"] == ["email"] for call in reads)


async def test_updates_are_undone_in_reverse(
    odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager
) -> None:
    (record_id,) = odoo.seed(1)
    with pytest.raises(Stop):
        async with transactions.transaction():
            for name in ("first", "second", "third"):
                await manager.bulk_update(MODEL, {"name": name}, [record_id])
            raise Stop
    assert odoo.table()[record_id]["name"] == "Seed 0"


async def test_a_record_updated_and_then_deleted_comes_back_as_it_was(
    odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager
) -> None:
    parent, child = odoo.seed(2, email="old@example.com")
    odoo.table()[child]["parent_id"] = parent
    with pytest.raises(Stop):
        async with transactions.transaction() as tx:
            (created,) = await manager.bulk_create(MODEL, [{"name": "New"}])
            await manager.bulk_update(MODEL, {"name": "Changed", "email": "new@example.com"}, [parent])
            await manager.bulk_delete(MODEL, [child, parent, created])
            raise Stop
    new_ids = tx.recreated_ids[MODEL]
    assert odoo.table()[new_ids[parent]]["name"] == "Seed 0"
    assert odoo.table()[new_ids[parent]]["email"] == "old@example.com"
    assert odoo.table()[new_ids[child]]["parent_id"] == new_ids[parent]
    assert len(odoo.table()) == 2


async def test_a_refused_chunk_is_undone_as_far_as_it_went(
    odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager
) -> None:
    with pytest.raises(BatchExecutionError):
        async with transactions.transaction():
            await manager.bulk_create(MODEL, [{"name": "A"}, {"name": "bad"}, {"name": "C"}])
    assert odoo.table() == {}


async def test_a_cancelled_task_is_undone_with_what_was_on_its_way(
    odoo: MemoryOdoo, transactions: TransactionManager
) -> None:
    ids = odoo.seed(30, email="old@example.com")
    before = contents(odoo)
    manager = BatchManager(odoo, max_chunk_size=5, max_concurrency=3)
    sent = asyncio.Event()

    async def slow() -> None:
        sent.set()
        await asyncio.sleep(0.02)

    async def work() -> None:
        async with transactions.transaction():
            await manager.bulk_update(MODEL, {"email": "new@example.com"}, ids[:10])
            await manager.bulk_delete(MODEL, ids[20:])
            odoo.before = lambda *_: slow()
            await manager.bulk_create(MODEL, [{"name": f"New {n}"} for n in range(50)])

    task = asyncio.create_task(work())
    await sent.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # again: undoing goes on to its end
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert contents(odoo) == before
    assert "have new ids" in caught.value.__notes__[0]
    assert odoo.count("create") < 12


async def test_what_cannot_be_undone_is_told(
    odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager
) -> None:
    ids = odoo.seed(2)
    with pytest.raises(TransactionRollbackError, match="Failed to rollback transaction t1") as caught:
        async with transactions.transaction("t1") as tx:
            await manager.bulk_update(MODEL, {"name": "Changed"}, ids)
            (created,) = await manager.bulk_create(MODEL, [{"name": "New"}])
            odoo.table()[created]["phone"] = "protected"
            raise Stop
    error = caught.value
    assert isinstance(error.original_error, Stop)
    assert isinstance(error.__cause__, Stop)
    assert error.transaction_id == "t1"
    assert error.partial_rollback
    ((failed, reason),) = error.failed_operations
    assert (failed.operation_type, failed.created_ids, failed.rollback_status) == ("create", [created], "failed")
    assert "You cannot delete this record" in str(reason)
    assert "create on res.partner" in error.get_failed_operation_summary()
    assert tx.state is TransactionState.FAILED
    assert [odoo.table()[i]["name"] for i in ids] == ["Seed 0", "Seed 1"]
    assert transactions.failed_transactions == 1


async def test_a_cancelled_one_that_cannot_be_undone_stays_cancelled(
    odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager
) -> None:
    created: list[int] = []

    async def work() -> None:
        async with transactions.transaction():
            created.extend(await manager.bulk_create(MODEL, [{"name": "New"}]))
            odoo.table()[created[0]]["phone"] = "protected"
            await asyncio.sleep(30)

    task = asyncio.create_task(work())
    while not created:  # noqa: ASYNC110
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert isinstance(caught.value.__cause__, TransactionRollbackError)


async def test_nothing_is_sent_when_the_old_values_cannot_be_read(
    odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager
) -> None:
    ids = odoo.seed(2)

    def no_reading(_model: str, method: str, *_: Any) -> None:
        if method == "read":
            raise ValidationError("no access")

    odoo.before = no_reading
    with pytest.raises(BatchExecutionError, match="Values before the change cannot be read: no access"):
        async with transactions.transaction():
            await manager.bulk_update(MODEL, {"name": "Changed"}, ids)
    assert odoo.count("write") == 0


# Savepoints and nesting


async def test_savepoints_undo_a_part(
    odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager
) -> None:
    async with transactions.transaction() as tx:
        kept = await manager.bulk_create(MODEL, [{"name": "kept"}])
        point = await tx.create_savepoint("contacts")
        await manager.bulk_create(MODEL, [{"name": "gone"}])
        await tx.rollback_to_savepoint(point)
        assert list(odoo.table()) == kept
        with pytest.raises(Stop):
            async with savepoint(tx, "part"):
                await manager.bulk_create(MODEL, [{"name": "gone too"}])
                raise Stop
        async with savepoint(tx) as part:
            await manager.bulk_create(MODEL, [{"name": "gone as well"}])
            await part.rollback()
            kept += await manager.bulk_create(MODEL, [{"name": "kept too"}])
        await tx.release_savepoint(point)
        with pytest.raises(TransactionError, match="already been released"):
            await tx.rollback_to_savepoint(point)
        with pytest.raises(TransactionError, match="not found"):
            await tx.rollback_to_savepoint("nonsense")
    assert list(odoo.table()) == kept


async def test_a_nested_one_joins_its_parent(
    odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager
) -> None:
    with pytest.raises(Stop):
        async with transactions.transaction() as outer:
            await manager.bulk_create(MODEL, [{"name": "outer"}])
            async with transactions.transaction() as inner:
                assert inner.is_nested
                assert inner.parent is outer
                await manager.bulk_create(MODEL, [{"name": "inner"}])
            assert len(outer.operations) == 2
            with pytest.raises(ValueError, match="only the inner one"):
                async with transactions.transaction():
                    await manager.bulk_create(MODEL, [{"name": "undone at once"}])
                    raise ValueError("only the inner one")
            assert len(odoo.table()) == 2
            raise Stop
    assert odoo.table() == {}
    assert (transactions.successful_transactions, transactions.failed_transactions) == (1, 2)


async def test_a_nested_one_cannot_join_a_parent_that_has_ended(transactions: TransactionManager) -> None:
    parent = Transaction(transactions.client)
    child = Transaction(transactions.client, parent=parent)
    parent.state = TransactionState.ROLLED_BACK
    with pytest.raises(TransactionCommitError, match="cannot join"):
        await child.commit()


async def test_parallel_tasks_do_not_see_each_others_transaction(
    odoo: MemoryOdoo, transactions: TransactionManager
) -> None:
    """The ancestor keeps the current transaction in an attribute of the manager."""
    odoo.latency = 0.002
    manager = BatchManager(odoo)

    async def work(name: str, fail: bool) -> None:
        async with transactions.transaction(name) as tx:
            await manager.bulk_create(MODEL, [{"name": name}])
            assert tx.parent is None
            assert transactions.get_current_transaction() is tx
            await manager.bulk_create(MODEL, [{"name": name}])
            assert len(tx.operations) == 2
            if fail:
                raise Stop

    names = [f"task {n}" for n in range(10)]
    answers = await asyncio.gather(*(work(name, n % 2 == 1) for n, name in enumerate(names)), return_exceptions=True)
    assert [isinstance(answer, Stop) for answer in answers] == [n % 2 == 1 for n in range(10)]
    assert sorted(values["name"] for values in odoo.table().values()) == sorted(names[::2] * 2)


async def test_tasks_started_inside_belong_to_it(
    odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager
) -> None:
    with pytest.raises(Stop):
        async with transactions.transaction():
            await asyncio.gather(*(manager.bulk_create(MODEL, [{"name": str(n)}]) for n in range(5)))
            raise Stop
    assert odoo.table() == {}


async def test_another_clients_changes_are_none_of_its_business(
    odoo: MemoryOdoo, transactions: TransactionManager
) -> None:
    other = MemoryOdoo()
    with pytest.raises(Stop):
        async with transactions.transaction():
            async with TransactionManager(other).transaction() as inner:
                assert inner.parent is None
                await BatchManager(odoo).bulk_create(MODEL, [{"name": "A"}])
                await BatchManager(other).bulk_create(MODEL, [{"name": "B"}])
            raise Stop
    assert odoo.table() == {}
    assert len(other.table()) == 1


# By hand


class CrudClient:
    """A client of an existing caller, with the three methods and nothing else."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    async def unlink(self, model: str, ids: list[int]) -> bool:
        self.calls.append(("unlink", model, ids))
        if 66 in ids:
            raise RuntimeError("Record does not exist")
        return True

    def write(self, model: str, ids: list[int], values: dict[str, Any]) -> bool:
        self.calls.append(("write", model, ids, values))
        return True

    async def create(self, model: str, values: dict[str, Any]) -> int:
        self.calls.append(("create", model, values))
        return 900 + len(self.calls)


async def test_operations_recorded_by_hand_are_undone_by_the_clients_methods() -> None:
    client = CrudClient()
    transactions = TransactionManager(client)
    with pytest.raises(Stop):
        async with transactions.transaction() as tx:
            tx.add_operation("create", MODEL, created_ids=[1, 2])
            tx.add_operation("update", MODEL, record_ids=[3], original_data={"name": "Old"})
            tx.add_operation("delete", MODEL, record_id=4, original_data={"name": "Deleted"})
            tx.add_operation("delete", MODEL, record_ids=[5, 6], rollback_data=[{"name": "E"}, {"name": "F"}])
            tx.add_operation("create", MODEL, record_ids=[66])
            raise Stop
    assert client.calls == [
        ("unlink", MODEL, [66]),
        ("create", MODEL, {"name": "E"}),
        ("create", MODEL, {"name": "F"}),
        ("create", MODEL, {"name": "Deleted"}),
        ("write", MODEL, [3], {"name": "Old"}),
        ("unlink", MODEL, [1, 2]),
    ]
    assert tx.recreated_ids == {MODEL: {5: 902, 6: 903, 4: 904}}


async def test_an_ended_transaction_takes_nothing_more(transactions: TransactionManager) -> None:
    async with transactions.transaction(auto_commit=False) as tx:
        tx.set_context("reason", "test")
        assert tx.get_context("reason") == "test"
        assert tx.get_context() == {"reason": "test"}
        assert tx.get_context("nothing", 5) == 5
        await tx.commit()
        with pytest.raises(TransactionStateError, match="Cannot commit committed transaction"):
            await tx.commit()
        with pytest.raises(TransactionStateError, match="Cannot add operation to committed transaction"):
            tx.add_operation("create", MODEL, [1])
        with pytest.raises(TransactionStateError, match="Cannot rollback in committed transaction"):
            await tx.rollback_to_savepoint("x")
        with pytest.raises(TransactionStateError, match="Cannot create savepoint in committed transaction"):
            await tx.create_savepoint()
    duration = tx.get_duration()
    assert duration is not None
    assert duration >= 0


async def test_left_without_commit_it_stays_and_is_told(
    odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager, caplog: pytest.LogCaptureFixture
) -> None:
    async with transactions.transaction(auto_commit=False):
        await manager.bulk_create(MODEL, [{"name": "A"}])
    assert len(odoo.table()) == 1
    assert "neither committed nor rolled back" in caplog.text


async def test_an_id_is_used_once_at_a_time(transactions: TransactionManager) -> None:
    async with transactions.transaction("same"):
        with pytest.raises(TransactionStateError, match="active already"):
            async with transactions.transaction("same"):
                pass


async def test_rollback_all(odoo: MemoryOdoo, manager: BatchManager, transactions: TransactionManager) -> None:
    async with transactions.transaction(auto_commit=False) as outer:
        await manager.bulk_create(MODEL, [{"name": "A"}])
        async with transactions.transaction(auto_commit=False) as inner:
            await manager.bulk_create(MODEL, [{"name": "B"}])
            await transactions.rollback_all()
            assert outer.state is inner.state is TransactionState.ROLLED_BACK
    assert odoo.table() == {}


# Helpers


class Client(MemoryOdoo):
    def __init__(self) -> None:
        super().__init__()
        self.transaction_manager: TransactionManager | None = TransactionManager(self)


async def test_the_helpers_find_the_manager() -> None:
    client = Client()
    manager = BatchManager(client)
    with pytest.raises(Stop):
        async with transaction(client):
            await manager.bulk_create(MODEL, [{"name": "A"}])
            raise Stop
    assert client.table() == {}
    async with tx_context(client).begin() as tx:
        await manager.bulk_create(MODEL, [{"name": "A"}])
        await tx.rollback()
    assert client.table() == {}
    with pytest.raises(Stop):
        async with transaction(client, auto_rollback=False):
            await manager.bulk_create(MODEL, [{"name": "kept"}])
            raise Stop
    assert len(client.table()) == 1
    with pytest.raises(TransactionError, match="Client does not support transactions"):
        async with transaction(object()):
            pass
    client.transaction_manager = None
    with pytest.raises(TransactionError, match=r"Call setup_transaction_manager\(\) first"):
        async with transaction(client):
            pass


async def test_atomic_in_every_spelling() -> None:
    client = Client()
    manager = BatchManager(client)

    @atomic
    async def plain(client: Client, name: str) -> str:
        await manager.bulk_create(MODEL, [{"name": name}])
        if name == "stop":
            raise Stop
        return name

    @atomic()
    async def handed(*, client: Client, _transaction: Transaction | None = None) -> bool:
        return _transaction is not None and _transaction.is_active

    @atomic(client=client)
    async def bound(**kwargs: Any) -> bool:
        return kwargs["_transaction"].client is client

    assert await plain(client, "A") == "A"
    with pytest.raises(Stop):
        await plain(client, "stop")
    assert [values["name"] for values in client.table().values()] == ["A"]
    assert await handed(client=client)
    assert await bound()
    with pytest.raises(TransactionError, match="No client provided"):
        await plain(5, "A")  # type: ignore[arg-type]
