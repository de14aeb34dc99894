"""The ten decisions of the Batch API; each test says what the ancestor (zenoo-rpc 0.2.4) does in its place."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from memory_odoo import MemoryOdoo, SyncMemoryOdoo, ValidationError

from zenoo_fast.batch import (
    BatchError,
    BatchExecutionError,
    BatchManager,
    BatchTimeoutError,
    BatchValidationError,
    CreateOperation,
    DeleteOperation,
    OperationStatus,
    UpdateOperation,
    batch_context,
)
from zenoo_fast.client import ZenooClient
from zenoo_fast.transaction import TransactionManager

MODEL = "res.partner"


def records(count: int, **values: Any) -> list[dict[str, Any]]:
    return [{"name": f"Company {n}", **values} for n in range(count)]


# 1. Order


@pytest.mark.parametrize("concurrency", [1, 3, 16])
async def test_ids_come_in_the_order_of_the_records(odoo: MemoryOdoo, concurrency: int) -> None:
    """The ancestor collects chunks as they complete: a late first chunk puts its ids last."""
    waits = iter([0.03, 0.02, 0.01, 0.0] * 20)

    def late_first(*_: Any) -> Any:
        return asyncio.sleep(next(waits))

    odoo.before = late_first
    manager = BatchManager(odoo, max_chunk_size=7, max_concurrency=concurrency)
    ids = await manager.bulk_create(MODEL, records(100))
    assert [odoo.table()[record_id]["name"] for record_id in ids] == [f"Company {n}" for n in range(100)]
    assert odoo.peak <= concurrency


async def test_results_come_in_input_order(odoo: MemoryOdoo) -> None:
    """The ancestor's ``results`` are in the order of completion, and sorted by priority before that."""
    waits = iter([0.03, 0.02, 0.01, 0.0])
    odoo.before = lambda *_: asyncio.sleep(next(waits))
    manager = BatchManager(odoo, max_chunk_size=2)
    first, second = CreateOperation(MODEL, records(4)), CreateOperation(MODEL, records(3), priority=5)
    answer = await manager.execute_operations([first, second])
    assert [result["operation_id"] for result in answer["results"]] == [first.operation_id] * 2 + [
        second.operation_id
    ] * 2
    assert [result["record_count"] for result in answer["results"]] == [2, 2, 2, 1]


# 2. No row dropped


async def test_a_row_that_cannot_be_created_is_told(odoo: MemoryOdoo, manager: BatchManager) -> None:
    """The ancestor logs the failed records, leaves them out and returns a shorter list of ids."""
    data = records(250)
    data[3]["email"] = data[120]["email"] = "bad"
    with pytest.raises(BatchExecutionError, match=r"^Bulk create failed: The value 'bad' is not allowed") as caught:
        await manager.bulk_create(MODEL, data)
    partial = caught.value.partial_results
    assert (partial["created"], partial["failed"]) == (248, 2)
    assert [row for row, record_id in enumerate(partial["ids"]) if record_id is None] == [3, 120]
    assert all(
        odoo.table()[record_id]["name"] == f"Company {row}" for row, record_id in enumerate(partial["ids"]) if record_id
    )
    rejects = caught.value.failed_operations
    assert [(reject.row, reject.message) for reject in rejects] == [
        (3, "The value 'bad' is not allowed"),
        (120, "The value 'bad' is not allowed"),
    ]
    assert rejects[0]["row"] == rejects[0].row
    assert dict(rejects[1])["record"] == data[120]


async def test_update_and_delete_never_say_true_of_a_failed_record(odoo: MemoryOdoo, manager: BatchManager) -> None:
    """The ancestor's ``bulk_update`` answers True though a record of a list failed."""
    ids = odoo.seed(6)
    with pytest.raises(BatchExecutionError, match=r"^Bulk update failed: ") as caught:
        await manager.bulk_update(MODEL, [{"id": i, "name": "bad" if i == ids[2] else f"New {i}"} for i in ids])
    assert caught.value.partial_results == {
        "ids": [i if i != ids[2] else None for i in ids],
        "updated": 5,
        "failed": 1,
    }
    assert odoo.table()[ids[5]]["name"] == f"New {ids[5]}"
    odoo.table()[ids[1]]["phone"] = "protected"
    with pytest.raises(BatchExecutionError, match=r"^Bulk delete failed: You cannot delete this record") as caught:
        await manager.bulk_delete(MODEL, ids)
    assert (caught.value.partial_results["deleted"], caught.value.partial_results["failed"]) == (5, 1)
    assert [reject.row for reject in caught.value.failed_operations] == [1]
    assert list(odoo.table()) == [ids[1]]


# 3. Context and caller's data


async def test_context_reaches_odoo_as_the_context(odoo: MemoryOdoo, manager: BatchManager) -> None:
    """The ancestor passes the context's keys as the method's keyword arguments."""
    ids = await manager.bulk_create(MODEL, records(2), context={"tracking_disable": True})
    await manager.bulk_update(MODEL, {"active": False}, ids, context={"lang": "de_DE"})
    await manager.bulk_delete(MODEL, ids, context={"active_test": False})
    assert [(call[1], call[3]) for call in odoo.calls] == [
        ("create", {"context": {"tracking_disable": True}}),
        ("write", {"context": {"lang": "de_DE"}}),
        ("unlink", {"context": {"active_test": False}}),
    ]


@pytest.mark.parametrize("context", [None, {}])
async def test_an_empty_context_is_left_out(odoo: MemoryOdoo, manager: BatchManager, context: Any) -> None:
    await manager.bulk_create(MODEL, records(1), context=context)
    assert odoo.calls == [(MODEL, "create", [records(1)], {})]


async def test_nothing_handed_in_is_changed(odoo: MemoryOdoo, manager: BatchManager) -> None:
    """The ancestor takes the ``id`` out of the caller's own dictionaries."""
    ids = odoo.seed(3)
    creates = records(3, category_id=[(6, 0, [1])])
    updates = [{"id": i, "name": f"New {i}"} for i in ids]
    same, context = {"active": False}, {"lang": "de_DE"}
    before = copy.deepcopy([creates, updates, same, ids, context])

    def meddle(_model: str, _method: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        kwargs.get("context", {})["lang"] = "changed"
        for record in args[0]:
            if isinstance(record, dict):
                record["name"] = record["name"] + " changed"

    odoo.before = meddle
    await manager.bulk_create(MODEL, creates, context=context)
    await manager.bulk_update(MODEL, updates, context=context)
    await manager.bulk_update(MODEL, same, ids, context=context)
    await manager.bulk_delete(MODEL, ids, context=context)
    assert [creates, updates, same, ids, context] == before


# 4. Halving, after data errors only


async def test_bad_rows_are_found_by_halving(odoo: MemoryOdoo) -> None:
    """The ancestor sends every record of a refused chunk alone: 101 calls here."""
    data = records(100)
    data[42]["email"] = "bad"
    with pytest.raises(BatchExecutionError):
        await BatchManager(odoo).bulk_create(MODEL, data)
    assert odoo.count("create") <= 15
    assert len(odoo.table()) == 99


@pytest.mark.parametrize("error", [ConnectionResetError("reset"), TimeoutError("too late")])
async def test_nothing_is_sent_again_after_a_lost_connection(odoo: MemoryOdoo, error: Exception) -> None:
    """The ancestor sends every record again after any exception, a lost answer included: rows are doubled."""

    def answer_lost(model: str, method: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        odoo.apply(model, method, args, kwargs)
        raise error

    odoo.before = answer_lost
    with pytest.raises(BatchExecutionError) as caught:
        await BatchManager(odoo).bulk_create(MODEL, records(5))
    assert odoo.count("create") == 1
    assert len(odoo.table()) == 5
    assert caught.value.partial_results["unknown"] == [0, 1, 2, 3, 4]
    assert {reject.code for reject in caught.value.failed_operations} == {"unknown"}


# 5. Many different updates to a call


async def test_different_updates_go_many_to_a_call(odoo: MemoryOdoo) -> None:
    """The ancestor sends one ``write`` a record."""
    ids = odoo.seed(250)
    assert await BatchManager(odoo).bulk_update(MODEL, [{"id": i, "name": f"New {i}"} for i in ids]) is True
    assert [call[1] for call in odoo.calls] == ["web_save_multi"] * 4  # one of them asked whether it is there
    assert odoo.calls[0][2:] == ([[]], {"vals_list": [], "specification": {}}) or odoo.calls[0][2] == [[], [], {}]
    assert all(odoo.table()[i]["name"] == f"New {i}" for i in ids)


async def test_the_server_is_asked_once_a_client(odoo: MemoryOdoo) -> None:
    ids = odoo.seed(4)
    for turn in range(3):
        await BatchManager(odoo).bulk_update(MODEL, [{"id": i, "name": f"{turn} {i}"} for i in ids])
    assert odoo.count("web_save_multi") == 4


async def test_equal_updates_are_grouped_where_the_server_is_old() -> None:
    odoo = MemoryOdoo(has_save_multi=False)
    ids = odoo.seed(90)
    updates = [{"id": i, "color": n % 3, "active": True} for n, i in enumerate(ids)]
    assert await BatchManager(odoo).bulk_update(MODEL, updates) is True
    assert odoo.count("write") == 3
    assert [odoo.table()[i]["color"] for i in ids] == [n % 3 for n in range(90)]


@pytest.mark.parametrize("answer", [True, None, {"status": "ok"}, 5])
async def test_a_double_that_answers_anything_gets_grouped_writes(answer: Any) -> None:
    class Fixed:
        def __init__(self) -> None:
            self.methods: list[str] = []

        async def execute_kw(self, model: str, method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
            self.methods.append(method)
            return answer

    client = Fixed()
    assert await BatchManager(client).bulk_update(MODEL, [{"id": i, "name": f"New {i}"} for i in range(1, 6)]) is True
    assert client.methods == ["web_save_multi", *["write"] * 5]


async def test_values_that_python_calls_equal_are_kept_apart() -> None:
    odoo = MemoryOdoo(has_save_multi=False)
    ids = odoo.seed(3)
    await BatchManager(odoo).bulk_update(
        MODEL, [{"id": i, "color": value} for i, value in zip(ids, [1, True, 1.0], strict=True)]
    )
    assert [type(odoo.table()[i]["color"]) for i in ids] == [int, bool, float]


async def test_two_updates_of_one_record_are_made_in_order(odoo: MemoryOdoo) -> None:
    ids = odoo.seed(3)
    updates = [{"id": ids[n % 3], "name": f"Change {n}", "color": n} for n in range(9)]
    await BatchManager(odoo, max_chunk_size=4, max_concurrency=8).bulk_update(MODEL, updates)
    assert [odoo.table()[i]["name"] for i in ids] == ["Change 6", "Change 7", "Change 8"]
    for _, method, args, kwargs in odoo.calls:
        assert method == "web_save_multi"
        assert len(args[0] if args else kwargs["ids"]) == len(set(args[0] if args else kwargs["ids"]))


# 6. Priorities and conflicts


async def test_priorities_run_one_after_the_other(odoo: MemoryOdoo) -> None:
    """The ancestor sorts by priority and then starts everything at once."""
    began: list[str] = []
    ended: dict[str, set[str]] = {}
    """What had ended when each began."""

    async def slow(model: str, method: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        name = args[0][0]["name"]
        began.append(name)
        ended[name] = {record["name"] for record in odoo.table().values()}
        await asyncio.sleep(0.03 if name == "high" else 0.0)

    odoo.before = slow
    batch = BatchManager(odoo, max_concurrency=10).create_batch()
    for name, priority in (("low", 0), ("high", 10), ("middle", 5), ("high too", 10)):
        batch.create(MODEL, [{"name": name}], priority=priority)
    await batch.execute()
    assert set(began[:2]) == {"high", "high too"}
    assert ended["middle"] == {"high", "high too"}
    assert ended["low"] == {"high", "high too", "middle"}


async def test_operations_on_the_same_records_run_in_order(odoo: MemoryOdoo) -> None:
    """The ancestor races them: the slow first update wins over the later one."""
    ids = odoo.seed(4)
    waits = iter([0.03, 0.0, 0.02, 0.0])

    def slow_first(*_: Any) -> Any:
        return asyncio.sleep(next(waits, 0.0))

    odoo.before = slow_first
    batch = BatchManager(odoo, max_concurrency=10).create_batch()
    batch.update(MODEL, {"name": "first"}, ids[:2]).update(MODEL, {"name": "second"}, ids[1:3])
    batch.update(MODEL, {"name": "third"}, [ids[2]]).unlink(MODEL, [ids[0]])
    results = await batch.execute()
    assert results["stats"]["completed_operations"] == 4
    assert {i: values["name"] for i, values in odoo.table().items()} == {
        ids[1]: "second",
        ids[2]: "third",
        ids[3]: "Seed 3",
    }


async def test_other_operations_run_at_once(odoo: MemoryOdoo) -> None:
    odoo.latency = 0.01
    ids = odoo.seed(3)
    batch = BatchManager(odoo, max_concurrency=10).create_batch()
    for record_id in ids:
        batch.update(MODEL, {"name": "x"}, [record_id])
    batch.update("res.partner.category", {"name": "y"}, ids).create(MODEL, records(1))
    await batch.execute()
    assert odoo.peak == 5


# 7. Time-outs


async def test_a_timed_out_chunk_is_a_failed_result(odoo: MemoryOdoo) -> None:
    """The ancestor raises out of the whole batch, the results of the other chunks are lost."""

    def slow(_model: str, _method: str, args: list[Any], _kwargs: dict[str, Any]) -> Any:
        return asyncio.sleep(30) if args[0][0]["name"] == "Company 2" else None

    odoo.before = slow
    manager = BatchManager(odoo, max_chunk_size=2, timeout=0.05)
    operation = CreateOperation(MODEL, records(6))
    answer = await manager.execute_operations([operation])
    assert [result["success"] for result in answer["results"]] == [True, False, True]
    failed = answer["results"][1]
    assert failed["error_type"] == BatchTimeoutError.__name__
    assert [reject.row for reject in failed["rejects"]] == [2, 3]
    assert odoo.count("create") == 3
    assert operation.status is OperationStatus.FAILED
    assert [record_id is None for record_id in operation.result or []] == [False, False, True, True, False, False]


# 8. Once, and rolled up


async def test_a_batch_runs_once_whatever_came_of_it(odoo: MemoryOdoo, manager: BatchManager) -> None:
    """The ancestor lets a batch that failed run again: what went in is doubled."""
    odoo.before = lambda *_: (_ for _ in ()).throw(ValidationError("no"))
    batch = manager.create_batch("mine")
    batch.create(MODEL, records(1))
    await batch.execute()
    with pytest.raises(BatchError, match="Batch mine has already been executed"):
        await batch.execute()
    cancelled = manager.create_batch()
    cancelled.create(MODEL, records(1))
    odoo.before = lambda *_: asyncio.sleep(30)
    task = asyncio.create_task(cancelled.execute())
    while odoo.count("create") < 2:  # noqa: ASYNC110
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(BatchError, match="already been executed"):
        await cancelled.execute()
    assert cancelled.operations[0].status is OperationStatus.CANCELLED
    assert manager.active_batches == {}
    for change in (cancelled.clear, lambda: cancelled.create(MODEL, records(1))):
        with pytest.raises(BatchError, match="executed batch"):
            change()


async def test_chunks_roll_up_to_their_operation(odoo: MemoryOdoo) -> None:
    """The ancestor leaves the operation it split ``pending`` for ever."""
    manager = BatchManager(odoo, max_chunk_size=2)
    good, bad = CreateOperation(MODEL, records(5)), CreateOperation(MODEL, records(5, email="bad"))
    answer = await manager.execute_operations([good, bad])
    assert good.status is OperationStatus.COMPLETED
    assert good.result == [odoo_id for result in answer["results"][:3] for odoo_id in result["result"]]
    assert good.get_duration() is not None
    assert good.error is None
    assert bad.status is OperationStatus.FAILED
    assert bad.error == "The value 'bad' is not allowed"
    assert bad.result == [None] * 5
    stats = answer["stats"]
    assert (stats["total_operations"], stats["completed_operations"], stats["failed_operations"]) == (2, 1, 1)
    assert (stats["total_records"], stats["processed_records"]) == (10, 5)


# 9. Contexts


async def test_a_context_raises_only_when_asked_to(odoo: MemoryOdoo, manager: BatchManager) -> None:
    async with manager.batch() as collected:
        await collected.create(MODEL, records(1, email="bad"))
        collected.create(MODEL, records(1))
    assert collected.get_stats() == {"total_operations": 2, "completed_operations": 1, "failed_operations": 1}
    assert collected.results is not None
    assert [result["success"] for result in collected.results["results"]] == [False, True]
    with pytest.raises(BatchExecutionError, match="Batch execution failed: The value 'bad'") as caught:
        async with manager.batch(raise_on_error=True) as collected:
            await collected.create(MODEL, records(1, email="bad"))
    assert caught.value.failed_operations == collected.results["results"] if collected.results else False
    with pytest.raises(BatchExecutionError):
        async with batch_context(odoo, raise_on_error=True) as batch:
            batch.create(MODEL, records(1, email="bad"))


async def test_an_exception_in_the_body_runs_nothing(odoo: MemoryOdoo, manager: BatchManager) -> None:
    with pytest.raises(RuntimeError, match="stop"):
        async with manager.batch() as collected:
            await collected.create(MODEL, records(1))
            raise RuntimeError("stop")
    with pytest.raises(RuntimeError, match="stop"):
        async with batch_context(odoo) as batch:
            batch.create(MODEL, records(1))
            raise RuntimeError("stop")
    assert odoo.calls == []


# 10. The set-up


async def test_the_client_sets_its_managers_up() -> None:
    """The ancestor's answers None and sets no ``batch_manager``; it takes no `max_concurrency` and no `timeout`."""
    client = ZenooClient("localhost")
    manager = await client.setup_batch_manager(
        max_chunk_size=7, max_concurrency=3, timeout=9, max_concurrent_batches=4, retry_failed_operations=False
    )
    assert client.batch_manager is manager
    assert (manager.max_chunk_size, manager.max_concurrency, manager.timeout) == (7, 3, 9)
    assert manager.retry_attempts == 0
    manager = await client.setup_batch_manager(max_concurrent_batches=4)
    assert (manager.max_concurrency, manager.retry_attempts) == (4, 3)
    assert (await client.setup_batch_manager()).max_concurrency == 5
    transactions = await client.setup_transaction_manager()
    assert client.transaction_manager is transactions
    assert isinstance(transactions, TransactionManager)
    with pytest.raises(TypeError, match="no_such_option"):
        await client.setup_batch_manager(no_such_option=1)


# Others


async def test_stats_are_copies(odoo: MemoryOdoo) -> None:
    """The ancestor hands out its live dictionary: numbers in a finished result go on changing."""
    manager = BatchManager(odoo)
    first = await manager.execute_operations([CreateOperation(MODEL, records(2))])
    manager.get_stats()["total_batches"] = 99
    await manager.bulk_create(MODEL, records(3))
    assert first["stats"]["total_records"] == 2
    assert manager.get_stats() == {
        "total_batches": 2,
        "completed_batches": 2,
        "failed_batches": 0,
        "total_operations": 2,
        "total_records": 5,
    }


async def test_a_sync_client_object_works() -> None:
    odoo = SyncMemoryOdoo()
    manager = BatchManager(odoo, max_chunk_size=3)
    ids = await manager.bulk_create(MODEL, records(7))
    assert len(ids) == 7
    assert await manager.bulk_update(MODEL, [{"id": i, "name": f"New {i}"} for i in ids]) is True
    assert await manager.bulk_delete(MODEL, ids) is True
    assert odoo.table() == {}


async def test_one_call_a_chunk_for_same_values_and_deletes(odoo: MemoryOdoo) -> None:
    ids = odoo.seed(450)
    manager = BatchManager(odoo)
    await manager.bulk_update(MODEL, {"active": False}, ids)
    await manager.bulk_delete(MODEL, ids)
    assert [call[1] for call in odoo.calls] == ["write"] * 5 + ["unlink"] * 5


async def test_repeated_ids_are_deleted_once(odoo: MemoryOdoo) -> None:
    ids = odoo.seed(3)
    manager = BatchManager(odoo, max_chunk_size=2)
    operation = DeleteOperation(MODEL, [ids[0], ids[1], ids[0], ids[1], ids[2]])
    answer = await manager.execute_operations([operation])
    assert operation.result is True
    assert [result["record_count"] for result in answer["results"]] == [2, 2, 1]
    assert odoo.count("unlink") == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_concurrency": 0},
        {"timeout": 0},
        {"timeout": True},
        {"retry_attempts": -1},
        {"workers": -1},
        {"workers": "two"},
    ],
)
def test_wrong_settings_are_refused(odoo: MemoryOdoo, wrong: dict[str, Any]) -> None:
    with pytest.raises(BatchValidationError):
        BatchManager(odoo, **wrong)


async def test_wrong_use_sends_nothing(odoo: MemoryOdoo, manager: BatchManager) -> None:
    for wrong in (
        manager.bulk_create(MODEL, "text"),  # type: ignore[arg-type]
        manager.bulk_create(MODEL, []),
        manager.bulk_create(MODEL, [{"name": "A"}, {}]),
        manager.bulk_create(MODEL, records(2), chunk_size=0),
        manager.bulk_update(MODEL, [{"name": "A"}]),
        manager.bulk_update(MODEL, [{"id": 1, "name": "A"}], [1]),
        manager.bulk_delete(MODEL, [True]),
        manager.execute_operations([]),
    ):
        with pytest.raises(BatchError):
            await wrong
    with pytest.raises(BatchError, match="has no operations to execute"):
        await manager.create_batch().execute()
    assert odoo.calls == []


async def test_operations_of_one_run_share_the_slots(odoo: MemoryOdoo) -> None:
    odoo.latency = 0.002
    manager = BatchManager(odoo, max_chunk_size=2, max_concurrency=3)
    operations = [CreateOperation(MODEL, records(10)) for _ in range(4)]
    ids = odoo.seed(20)
    operations += [UpdateOperation(MODEL, {"color": 1}, record_ids=ids)]  # type: ignore[list-item]
    answer = await manager.execute_operations(operations)
    assert odoo.peak == 3
    assert len(answer["results"]) == 30
