"""A program that uses every public name, for mypy in strict mode; `main` is run against the sandbox as well."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, assert_type

import zenoo_fast
from zenoo_fast.batch.context import (
    BatchOperationCollector,
    BatchProgressTracker,
    batch_context,
    batch_operation,
)
from zenoo_fast.batch.exceptions import (
    BatchError,
    BatchExecutionError,
    BatchSizeError,
    BatchTimeoutError,
    BatchValidationError,
)
from zenoo_fast.batch.executor import BatchExecutor
from zenoo_fast.batch.manager import Batch, BatchContext, BatchManager
from zenoo_fast.batch.operations import (
    BatchOperation,
    CreateOperation,
    DeleteOperation,
    OperationStatus,
    OperationType,
    UpdateOperation,
    create_batch_operation,
    validate_batch_operations,
)
from zenoo_fast.client import ZenooClient
from zenoo_fast.exceptions import (
    AccessError,
    AuthenticationError,
    ConfigurationError,
    ConnectionError,  # noqa: A004
    InternalError,
    MethodNotFoundError,
    RequestTimeoutError,
    SourceError,
    ValidationError,
    ZenooError,
)
from zenoo_fast.transaction import OperationRecord, Savepoint, TransactionSetupError, TransactionState
from zenoo_fast.transaction.context import (
    SavepointContext,
    TransactionContext,
    atomic,
    savepoint,
    transaction,
    tx_context,
)
from zenoo_fast.transaction.exceptions import (
    NestedTransactionError,
    TransactionCommitError,
    TransactionError,
    TransactionRollbackError,
    TransactionStateError,
)

if TYPE_CHECKING:
    from zenoo_fast.transaction.manager import TransactionManager
    from zenoo_fast.transaction.transaction import Transaction

MODEL = "res.partner"
CLIENT_ERRORS: tuple[type[ZenooError], ...] = (
    ConnectionError,
    RequestTimeoutError,
    AuthenticationError,
    ValidationError,
    AccessError,
    MethodNotFoundError,
    InternalError,
    ConfigurationError,
    SourceError,
)
TRANSACTION_ERRORS: tuple[type[TransactionError], ...] = (
    TransactionCommitError,
    NestedTransactionError,
    TransactionStateError,
    TransactionSetupError,
)


async def use_client(client: ZenooClient) -> list[int]:
    assert_type(client.is_authenticated, bool)
    assert client.database
    assert client.uid
    assert client.username
    assert client.server_version
    await client.health_check()
    await client.get_server_version()
    assert "name" in await client.get_model_fields(MODEL)
    assert_type(await client.create(MODEL, {"name": "Typed"}), int)
    ids = await client.create(MODEL, [{"name": "Typed too"}])
    assert_type(ids, list[int])
    await client.write(MODEL, ids, {"comment": "typed"})
    await client.read(MODEL, ids, ["name"])
    found = await client.search(MODEL, [("id", "in", ids)])
    await client.search_read(MODEL, [("id", "in", ids)], ["name"])
    await client.search_count(MODEL, [("id", "in", ids)])
    await client.execute_kw(MODEL, "write", [ids, {"comment": "again"}], {}, {"lang": "en_US"})
    await client.unlink(MODEL, ids)
    return found


async def use_manager(client: ZenooClient) -> None:
    manager: BatchManager = await client.setup_batch_manager(
        max_chunk_size=50, max_concurrency=2, timeout=60, retry_failed_operations=True
    )
    assert client.batch_manager is manager
    ids = await manager.bulk_create(MODEL, [{"name": "A"}, {"name": "B"}], chunk_size=1, context={"lang": "en_US"})
    assert_type(ids, list[int])
    assert_type(await manager.bulk_update(MODEL, {"active": True}, record_ids=ids), bool)
    assert_type(await manager.bulk_update(MODEL, [{"id": ids[0], "name": "C"}]), bool)

    batch: Batch = manager.create_batch("typed")
    assert manager.get_batch("typed") is batch
    batch.create(MODEL, [{"name": "thrown away"}]).clear()
    batch.create(MODEL, [{"name": "D"}]).update(MODEL, {"active": True}, record_ids=ids).add_operation(
        UpdateOperation(MODEL, {"comment": "typed"}, record_ids=ids)
    )
    assert_type(batch.get_operation_count(), int)
    assert_type(batch.get_record_count(), int)
    results = await batch.execute(print_progress)
    assert batch.executed
    batch.raise_for_failures()
    assert batch.results is results
    assert batch.batch_id == "typed"
    assert batch.manager.active_batches == {}

    context: BatchContext
    async with manager.batch(raise_on_error=True) as context:
        operation = await context.create(MODEL, [{"name": "E"}])
        assert_type(operation, CreateOperation)
        await context.update(model=MODEL, record_ids=ids, data={"active": True})
        await context.delete(model=MODEL, record_ids=ids)
    assert_type(context.get_stats(), dict[str, int])
    assert context.results
    await manager.bulk_delete(MODEL, operation.result or [])
    manager.get_stats()


async def print_progress(progress: dict[str, Any]) -> None:
    assert progress["completed"] <= progress["total"]


async def use_operations(client: ZenooClient) -> None:
    create = CreateOperation(model=MODEL, data=[{"name": "F"}, {"name": "G"}], context={"lang": "en_US"}, priority=1)
    operations: list[BatchOperation] = [create]
    validate_batch_operations(operations)
    assert_type(create.split(1), list[CreateOperation])
    assert create.operation_type is OperationType.CREATE
    executor = BatchExecutor(client, max_chunk_size=10, max_concurrency=2, timeout=30, retry_attempts=1)
    answer = await executor.execute_operations(operations)
    assert answer["results"]
    assert executor.get_stats()["completed_operations"] == 1
    assert create.status is OperationStatus.COMPLETED
    assert create.is_completed()
    assert create.is_successful()
    assert create.get_duration() is not None
    update = create_batch_operation("update", MODEL, {"active": True}, record_ids=create.result)
    assert isinstance(update, UpdateOperation)
    assert update.is_bulk_operation()
    delete = DeleteOperation(model=MODEL, data=create.result)
    assert delete.get_batch_size() == 2
    await executor.execute_operations([delete])


async def use_contexts(client: ZenooClient) -> None:
    tracker = BatchProgressTracker()
    tracker.add_callback(print_progress)
    tracker.set_callback(print_progress)
    tracker.remove_callback(print_progress)
    async with batch_context(
        client, auto_execute=True, progress_callback=tracker.callback, max_chunk_size=10, max_concurrency=2
    ) as batch:
        batch.create(MODEL, [{"name": "H"}])
    assert tracker.get_current_progress()
    assert tracker.get_history()
    tracker.clear_history()
    collector: BatchOperationCollector
    async with batch_operation(client, model=MODEL, operation_type="create", chunk_size=5) as collector:
        collector.add({"name": "I"})
        collector.add_many([{"name": "J"}])
        assert collector.has_data()
        assert collector.get_count() == 2
    assert collector.executed
    async with batch_operation(client, MODEL, "delete") as deletion:
        deletion.add_many(collector.results or [])
    await client.unlink(MODEL, batch.operations[0].result or [])


async def use_errors(client: ZenooClient) -> None:
    manager = BatchManager(client)
    try:
        await manager.bulk_create(MODEL, [{"name": "K", "no_such_field": 1}])
    except BatchExecutionError as error:
        assert_type(error.failed_operations, list[Any])
        assert_type(error.partial_results, dict[str, Any])
        assert_type(error.context, dict[str, Any])
    try:
        await manager.bulk_delete(MODEL, [0])
    except BatchValidationError as error:
        assert error.validation_errors
    for kind in (BatchSizeError, BatchTimeoutError):
        problem: BatchError = kind("typed", batch_id="typed")
        assert problem.batch_id == "typed"


@atomic
async def rename(client: ZenooClient, ids: list[int], name: str) -> bool:
    return await BatchManager(client).bulk_update(MODEL, {"name": name}, record_ids=ids)


async def use_transactions(client: ZenooClient) -> None:
    manager: TransactionManager = await client.setup_transaction_manager()
    assert client.transaction_manager is manager
    batches = BatchManager(client)
    tx: Transaction
    async with client.transaction() as tx:
        ids = await batches.bulk_create(MODEL, [{"name": "L"}])
        assert manager.get_current_transaction() is tx
        assert manager.get_transaction(tx.id) is tx
        point = await tx.create_savepoint("point")
        await tx.rollback_to_savepoint(point)
        await tx.release_savepoint(point)
        part: SavepointContext
        async with savepoint(tx, "part") as part:
            await part.rollback()
        tx.set_context("reason", "typed")
        tx.get_context("reason")
        tx.add_operation("create", MODEL, created_ids=[])
        records: list[OperationRecord] = tx.operations
        savepoints: list[Savepoint] = tx.savepoints
        assert records
        assert tx.get_active_savepoints() is not savepoints
        assert tx.get_savepoint_by_name("part") is None
        assert_type(tx.state, TransactionState)
        assert tx.is_active
        assert not tx.is_nested
        assert tx.operations
        assert tx.savepoints is not None
    assert await rename(client, ids, "M")
    tx.get_duration()
    try:
        async with transaction(client, auto_commit=True) as undone:
            await batches.bulk_delete(MODEL, ids)
            raise BatchError("undo it")
    except TransactionRollbackError as error:
        assert_type(error.failed_operations, list[tuple[Any, Exception]])
        assert error.partial_rollback in {True, False}
        assert error.original_error
    except BatchError:
        ids = list(undone.recreated_ids[MODEL].values())
    async with tx_context(client).begin() as empty:
        assert empty.duration is None
    async with TransactionContext(client).begin() as by_hand:
        await client.unlink(MODEL, ids)
        await by_hand.commit()
    await manager.rollback_all()
    manager.get_stats()
    manager.get_transaction_stats()


async def use_imports(client: ZenooClient, folder: Path) -> None:
    """Imports from Python."""
    control = zenoo_fast.Control()
    report: zenoo_fast.ImportReport = await zenoo_fast.import_records(
        client,
        MODEL,
        [{"name": "N"}, {"name": "O", "no_such_field": 1}],
        mode="create",
        chunk_size="auto",
        concurrency=2,
        workers=0,
        context={"lang": "en_US"},
        on_reject="continue",
        rejects=folder / "rejects.csv",
        journal=folder / "run.journal",
        control=control,
    )
    assert (report.read, report.created, report.rejected, report.unknown) == (2, 1, 1, 0)
    rows = zenoo_fast.sql("sqlite:///shop.db", "SELECT label AS name FROM customer WHERE number < ?", (5,))
    assert (str(rows), rows.text[:6], rows.parameters) == ("sqlite:///shop.db", "SELECT", (5,))
    reject: zenoo_fast.Reject = report.rejects[0]
    assert (reject.row, reject.field) == (1, "no_such_field")
    assert_type(report.adds_up, bool)
    try:
        report.raise_for_rejects()
    except zenoo_fast.RejectsError as error:
        assert_type(error.report, zenoo_fast.ImportReport)
    found = await zenoo_fast.reconcile_journal(client, folder / "run.journal")
    assert found.doubted == 0
    with contextlib.closing(sqlite3.connect(folder / "rows.db")) as database:
        database.execute("CREATE TABLE partner (name TEXT)")
        database.execute("INSERT INTO partner VALUES ('From a query')")
        database.commit()
    rows = zenoo_fast.sql(f"sqlite:///{folder / 'rows.db'}", "SELECT name FROM partner")
    asked = await zenoo_fast.import_records(client, MODEL, rows)
    assert (asked.read, asked.created) == (1, 1)
    assert zenoo_fast.__version__


async def take_over(client: ZenooClient, password: str) -> None:
    """From zenoo-rpc's client to ours."""
    session = {"database": client.database, "username": client.username, "password": password, "uid": client.uid}
    old = SimpleNamespace(
        host=client.host, port=client.port, protocol=client.protocol, _session=SimpleNamespace(**session)
    )
    ours = ZenooClient.from_zenoo_rpc(old)
    assert_type(ours, ZenooClient)
    await ours.search_count(MODEL, [])
    await ours.close()


async def main(url: str, database: str, login: str, password: str) -> None:
    """Everything once."""
    async with ZenooClient(url, timeout=30.0, verify_ssl=True, transport="auto") as client:
        await client.login(database, login, password)
        await use_client(client)
        await use_manager(client)
        await use_operations(client)
        await use_contexts(client)
        await use_errors(client)
        await use_transactions(client)
        await take_over(client, password)
        with TemporaryDirectory() as folder:
            await use_imports(client, Path(folder))


if __name__ == "__main__":
    import sys

    asyncio.run(main(*sys.argv[1:5]))
