"""Both contexts in all of their spellings, the collector, progress."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from zenoo_fast.batch import (
    BatchError,
    BatchExecutionError,
    BatchExecutor,
    BatchManager,
    BatchOperationCollector,
    BatchProgressTracker,
    BatchValidationError,
    CreateOperation,
    OperationType,
    batch_context,
    batch_operation,
)

if TYPE_CHECKING:
    from memory_odoo import MemoryOdoo

MODEL = "res.partner"
NEW = [{"name": "Company A"}, {"name": "Company B"}]


async def test_a_batch_context_takes_every_spelling(odoo: MemoryOdoo, manager: BatchManager) -> None:
    ids = odoo.seed(8)
    async with manager.batch() as collected:
        await collected.create(MODEL, NEW)
        await collected.create(model=MODEL, data=NEW, context={"lang": "de_DE"})
        collected.create(MODEL, records=NEW)
        await collected.update(MODEL, [ids[0]], {"active": False})
        await collected.update(model=MODEL, record_ids=[ids[1]], data={"active": True})
        collected.update(MODEL, data=[{"id": ids[2], "name": "own"}])
        await collected.delete(MODEL, [ids[3]])
        await collected.delete(model=MODEL, record_ids=[ids[4]])
        operation = await collected.unlink(MODEL, [ids[5]])
        assert operation is collected.operations[-1]
        assert odoo.calls == []
        assert collected.get_stats() == {"total_operations": 0, "completed_operations": 0, "failed_operations": 0}
    assert collected.get_stats() == {"total_operations": 9, "completed_operations": 9, "failed_operations": 0}
    assert odoo.table()[ids[2]]["name"] == "own"


async def test_a_batch_takes_every_spelling(odoo: MemoryOdoo, manager: BatchManager) -> None:
    ids = odoo.seed(8)
    batch = manager.create_batch("custom-batch-001")
    assert manager.get_batch("custom-batch-001") is batch
    batch.create(MODEL, NEW).create(model=MODEL, data=NEW, priority=2).create(MODEL, records=NEW)
    batch.update(MODEL, {"active": False}, record_ids=[ids[0]]).update(
        model=MODEL, record_ids=[ids[1]], data={"active": True}
    )
    batch.delete(model=MODEL, record_ids=[ids[2]]).unlink(MODEL, [ids[3]])
    assert await batch.create(MODEL, NEW) is batch
    batch.add_operation(CreateOperation(MODEL, NEW))
    assert (batch.get_operation_count(), batch.get_record_count()) == (9, 14)
    results = await batch.execute()
    assert batch.executed
    assert batch.results is results
    assert results["stats"]["completed_operations"] == 9
    assert results["duration"] > 0
    assert manager.get_batch("custom-batch-001") is None
    assert manager.stats["completed_batches"] == 1


async def test_a_batch_can_be_cleared_before_it_runs(manager: BatchManager) -> None:
    batch = manager.create_batch()
    assert batch.create(MODEL, NEW).clear().get_operation_count() == 0


async def test_the_standalone_context_runs_its_batch_once(odoo: MemoryOdoo) -> None:
    async with batch_context(odoo, max_chunk_size=1, max_concurrency=2) as batch:
        batch.create(MODEL, NEW)
    assert odoo.count("create") == 2
    async with batch_context(odoo, auto_execute=False) as batch:
        batch.create(MODEL, NEW)
    assert odoo.count("create") == 2
    async with batch_context(odoo) as batch:
        batch.create(MODEL, NEW)
        await batch.execute()
    assert odoo.count("create") == 3
    async with batch_context(odoo) as batch:
        pass
    assert batch.results is None


@pytest.mark.parametrize("kind", ["create", "CREATE", OperationType.CREATE])
async def test_a_collector_runs_on_the_way_out(odoo: MemoryOdoo, kind: Any) -> None:
    async with batch_operation(odoo, model=MODEL, operation_type=kind, chunk_size=1) as collector:
        collector.add(NEW[0])
        collector.add_many(NEW)
        assert collector.has_data()
        assert collector.get_count() == 3
    assert collector.executed
    assert collector.results == list(odoo.table())
    assert odoo.count("create") == 3


async def test_a_collector_updates_and_deletes(odoo: MemoryOdoo) -> None:
    ids = odoo.seed(3)
    async with batch_operation(odoo, MODEL, "update", context={"lang": "de_DE"}) as collector:
        collector.add({"id": ids[0], "name": "own"})
    assert collector.results is True
    assert odoo.calls[-1][3] == {"context": {"lang": "de_DE"}}
    async with batch_operation(odoo, MODEL, "delete") as collector:
        collector.add_many(ids[:2])
    async with batch_operation(odoo, MODEL, "unlink") as collector:
        collector.add(ids[2])
    assert odoo.table() == {}
    async with batch_operation(odoo, MODEL, "delete") as collector:
        pass
    assert not collector.executed


async def test_a_collector_runs_once_and_keeps_what_came_of_it(odoo: MemoryOdoo) -> None:
    collector = BatchOperationCollector(odoo, MODEL, "create")
    with pytest.raises(BatchError, match="No data to execute"):
        await collector.execute()
    collector.add_many([{"name": "A"}, {"name": "bad"}])
    with pytest.raises(BatchExecutionError, match=r"^Batch execution failed: Bulk create failed: ") as caught:
        await collector.execute()
    assert caught.value.partial_results["created"] == 1
    with pytest.raises(BatchError, match="already executed"):
        await collector.execute()
    for change in (lambda: collector.add({}), lambda: collector.add_many([]), collector.clear):
        with pytest.raises(BatchError, match="executed batch"):
            change()


async def test_a_collector_refuses_wrong_use(odoo: MemoryOdoo, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(BatchError, match="Invalid operation type: merge"):
        BatchOperationCollector(odoo, MODEL, "merge")
    collector = BatchOperationCollector(odoo, MODEL, "create")
    collector.add({"name": "A"})
    collector.clear()
    assert not collector.has_data()
    with pytest.raises(BatchValidationError, match="Record 0 cannot be empty"):
        async with batch_operation(odoo, MODEL, "create") as collector:
            collector.add({})
    assert "Batch operation context error" in caplog.text
    assert odoo.calls == []


async def test_progress_counts_chunks_and_records(odoo: MemoryOdoo) -> None:
    seen: list[dict[str, Any]] = []
    data = [{"name": f"Company {n}"} for n in range(10)]
    data[4]["name"] = "bad"
    await BatchExecutor(odoo, max_chunk_size=4).execute_operations([CreateOperation(MODEL, data)], seen.append)
    assert [(p["completed"], p["total"]) for p in seen] == [(1, 3), (2, 3), (3, 3)]
    assert seen[-1]["percentage"] == 100.0
    assert [p["records_total"] for p in seen] == [10, 10, 10]
    assert (seen[-1]["records_completed"], seen[-1]["rejected"]) == (10, 1)
    assert seen[-1]["records_per_second"] > 0
    assert seen[-1]["eta_seconds"] == 0
    assert seen[-1]["stats"]["failed_operations"] == 1
    assert seen[0]["stats"] is not seen[1]["stats"]
    assert seen[0]["stats"]["processed_records"] < seen[-1]["stats"]["processed_records"]


async def test_a_callback_that_raises_is_logged_only(odoo: MemoryOdoo, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_progress: dict[str, Any]) -> None:
        raise ValueError("broken callback")

    with caplog.at_level(logging.ERROR):
        answer = await BatchManager(odoo).execute_operations([CreateOperation(MODEL, NEW)], broken)
    assert answer["results"][0]["success"]
    assert "Progress callback error: broken callback" in caplog.text


async def test_the_tracker_hands_progress_on(odoo: MemoryOdoo, caplog: pytest.LogCaptureFixture) -> None:
    tracker = BatchProgressTracker()
    plain: list[float] = []
    awaited: list[float] = []

    async def later(progress: dict[str, Any]) -> None:
        awaited.append(progress["percentage"])

    def broken(_progress: dict[str, Any]) -> None:
        raise RuntimeError("no")

    def note(progress: dict[str, Any]) -> None:
        plain.append(progress["percentage"])

    tracker.add_callback(note)
    tracker.set_callback(later)
    tracker.add_callback(broken)
    async with batch_context(odoo, progress_callback=tracker.callback, max_chunk_size=1) as batch:
        batch.create(MODEL, NEW)
    assert plain == awaited == [50.0, 100.0]
    assert "Progress callback error: no" in caplog.text
    current = tracker.get_current_progress()
    assert current is not None
    assert current["completed"] == 2
    history = tracker.get_history()
    assert [entry["completed"] for entry in history] == [1, 2]
    tracker.remove_callback(note)
    tracker.remove_callback(note)
    tracker.clear_history()
    assert tracker.get_history() == []
    assert tracker.get_current_progress() is None
    assert len(history) == 2


async def test_an_executor_tells_rates(odoo: MemoryOdoo) -> None:
    executor = BatchExecutor(odoo)
    assert "duration" not in executor.get_stats()
    assert (await executor.execute_operations([]))["results"] == []
    await executor.execute_operations([CreateOperation(MODEL, NEW)])
    stats = executor.get_stats()
    assert stats["duration"] >= 0
    assert {"operations_per_second", "records_per_second"} <= set(stats)
    executor.stats = {
        **stats,
        "start_time": 100.0,
        "end_time": 110.0,
        "completed_operations": 8,
        "processed_records": 80,
    }
    assert executor.get_stats()["operations_per_second"] == 0.8
    assert executor.get_stats()["records_per_second"] == 8.0
