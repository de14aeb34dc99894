"""Every example of the Batch API reference, as written but for the package name, on the sandbox and on a real Odoo.

The examples write and delete partners 1 to 14 and know the field `customer_rank` of the accounting module.
Here a transport between them and the server takes ids of this test's own partners, and `color` for `customer_rank`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.chunks import ValueChunk
from zenoo_fast.transports.base import Call, Rows, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from zenoo_fast.engine.outcome import Outcome


class StandIn:
    """Takes this test's own ids and fields for the examples'."""

    def __init__(self, inner: Transport, ids: dict[int, int]) -> None:
        self.inner = inner
        self.ids = ids
        self.calls: list[Call] = []

    async def open(self) -> None:
        await self.inner.open()

    async def close(self) -> None:
        await self.inner.close()

    async def call(self, call: Call, /) -> Outcome:
        self.calls.append(call)
        arguments = {name: self._own(name, value) for name, value in call.arguments.items()}
        return await self.inner.call(replace(call, arguments=arguments))

    def _own(self, name: str, value: Any) -> Any:
        if name == "ids":
            return [self.ids.get(record_id, record_id) for record_id in _list(value)]
        if name == "vals":
            return _fields(value)
        if name == "vals_list":
            values = [_fields(record) for record in _list(value)]
            return ValueChunk(values, range(len(values))) if isinstance(value, Rows) else values
        return value


def _list(value: Any) -> list[Any]:
    return value.values() if isinstance(value, Rows) else list(value)


def _fields(record: dict[str, Any]) -> dict[str, Any]:
    return {"color" if name == "customer_rank" else name: value for name, value in record.items()}


class ExampleClient(ZenooClient):
    stand_in: StandIn | None = None

    @property
    def transport(self) -> Transport:
        return self.stand_in or super().transport


@pytest.fixture(params=["sandbox", pytest.param("odoo", marks=pytest.mark.odoo)])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[ExampleClient]:
    if request.param == "odoo":
        server = request.getfixturevalue("odoo")
        async with _logged_in(server) as found:
            yield found
    else:
        from zenoo_fast.sandbox import Sandbox

        async with Sandbox(port=0) as server, _logged_in(server) as found:
            yield found


class _logged_in:  # noqa: N801 - reads as a function
    def __init__(self, server: Any) -> None:
        self.server = server

    async def __aenter__(self) -> ExampleClient:
        self.client = await ExampleClient(self.server.url).__aenter__()
        await self.client.login(self.server.database, self.server.login, self.server.password)
        created = await self.client.execute_kw(
            "res.partner", "create", [[{"name": f"Reference example {n}"} for n in range(1, 15)]], {}
        )
        self.client.stand_in = StandIn(self.client.transport, dict(zip(range(1, 15), created, strict=True)))
        return self.client

    async def __aexit__(self, *error: object) -> None:
        await self.client.__aexit__(None, None, None)


async def names(client: ExampleClient, ids: list[int]) -> list[str]:
    return [record["name"] for record in await client.execute_kw("res.partner", "read", [ids], {"fields": ["name"]})]


def own(client: ExampleClient, *ids: int) -> list[int]:
    assert client.stand_in is not None
    return [client.stand_in.ids[record_id] for record_id in ids]


@pytest.fixture
def batch_manager(client: ExampleClient) -> Any:
    from zenoo_fast.batch.manager import BatchManager

    return BatchManager(client=client)


async def test_constructor(client: ExampleClient) -> None:
    from zenoo_fast.batch.manager import BatchManager

    # Basic setup
    batch_manager = BatchManager(client=client)
    assert (batch_manager.max_chunk_size, batch_manager.max_concurrency, batch_manager.timeout) == (100, 5, None)

    # Custom configuration
    batch_manager = BatchManager(client=client, max_chunk_size=200, max_concurrency=10, timeout=600)
    assert (batch_manager.max_chunk_size, batch_manager.max_concurrency, batch_manager.timeout) == (200, 10, 600)

    # Attach to client
    client.batch_manager = BatchManager(client=client)
    assert client.batch_manager.active_batches == {}


async def test_batch_context(client: ExampleClient, batch_manager: Any) -> None:
    # Basic batch context
    async with batch_manager.batch() as batch_context:
        # Operations are collected and executed automatically on context exit
        await batch_context.create(
            model="res.partner",
            data=[
                {"name": "Company A", "email": "a@company.com"},
                {"name": "Company B", "email": "b@company.com"},
            ],
        )

        # Update operations
        await batch_context.update(model="res.partner", record_ids=[1, 2], data={"active": True})

        # Delete operations
        await batch_context.delete(model="res.partner", record_ids=[3, 4, 5])

    assert batch_context.get_stats()["completed_operations"] == 3
    assert await names(client, batch_context.operations[0].result) == ["Company A", "Company B"]
    assert await names(client, own(client, 3, 4, 5)) == []


async def test_bulk_create(client: ExampleClient, batch_manager: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # Basic bulk create
    partners_data = [
        {"name": "ACME Corp", "email": "contact@acme.com", "is_company": True},
        {"name": "Global Inc", "email": "info@global.com", "is_company": True},
        {"name": "Tech Solutions", "email": "hello@tech.com", "is_company": True},
    ]

    created_ids = await batch_manager.bulk_create(model="res.partner", records=partners_data, chunk_size=50)

    print(f"Created {len(created_ids)} partners")
    for i, partner_id in enumerate(created_ids):
        print(f"Partner {i + 1}: ID {partner_id}")

    assert capsys.readouterr().out.startswith(f"Created 3 partners\nPartner 1: ID {created_ids[0]}\n")
    assert await names(client, created_ids) == ["ACME Corp", "Global Inc", "Tech Solutions"]


async def test_bulk_update(client: ExampleClient, batch_manager: Any) -> None:
    # Individual record updates
    individual_updates = [
        {"id": 1, "active": True, "customer_rank": 1},
        {"id": 2, "active": True, "customer_rank": 2},
        {"id": 3, "active": False, "customer_rank": 0},
    ]

    success = await batch_manager.bulk_update(model="res.partner", data=individual_updates)
    assert success is True
    assert individual_updates[0] == {"id": 1, "active": True, "customer_rank": 1}
    ranks = await client.execute_kw("res.partner", "read", [own(client, 1, 2, 3)], {"fields": ["active", "color"]})
    assert [(record["active"], record["color"]) for record in ranks] == [(True, 1), (True, 2), (False, 0)]

    # Bulk update with same data for multiple records
    success = await batch_manager.bulk_update(
        model="res.partner", data={"active": True, "customer_rank": 1}, record_ids=[1, 2, 3, 4, 5]
    )
    assert success is True


async def test_bulk_delete(client: ExampleClient, batch_manager: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # Delete multiple records
    record_ids_to_delete = [10, 11, 12, 13, 14]

    success = await batch_manager.bulk_delete(model="res.partner", record_ids=record_ids_to_delete, chunk_size=25)

    if success:
        print(f"Successfully deleted {len(record_ids_to_delete)} records")

    assert capsys.readouterr().out == "Successfully deleted 5 records\n"
    assert await names(client, own(client, 10, 11, 12, 13, 14)) == []


async def test_create_batch(batch_manager: Any) -> None:
    # Manual batch building
    batch = batch_manager.create_batch("custom-batch-001")

    # Add operations
    batch.create("res.partner", [{"name": "Company A", "is_company": True}, {"name": "Company B", "is_company": True}])

    batch.update("res.partner", {"active": False}, record_ids=[1, 2, 3])

    batch.unlink("res.partner", [4, 5, 6])

    # Execute batch
    results = await batch.execute()

    assert results["stats"]["completed_operations"] == 3
    assert [result["success"] for result in results["results"]] == [True, True, True]


async def test_execute_operations(batch_manager: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from zenoo_fast.batch.operations import CreateOperation, UpdateOperation

    # Create operations manually
    operations = [
        CreateOperation(model="res.partner", data=[{"name": "Test Company"}]),
        UpdateOperation(model="res.partner", data={"active": True}, record_ids=[1, 2, 3]),
    ]

    # Progress callback
    async def progress_callback(progress: dict[str, Any]) -> None:
        print(f"Progress: {progress['completed']}/{progress['total']} ({progress['percentage']:.1f}%)")
        print(f"Stats: {progress['stats']}")

    # Execute operations
    results = await batch_manager.execute_operations(operations, progress_callback=progress_callback)

    print(f"Completed: {results['stats']['completed_operations']}")
    print(f"Failed: {results['stats']['failed_operations']}")

    out = capsys.readouterr().out
    assert "Progress: 2/2 (100.0%)" in out
    assert out.endswith("Completed: 2\nFailed: 0\n")


def test_create_operation(capsys: pytest.CaptureFixture[str]) -> None:
    from zenoo_fast.batch.operations import CreateOperation

    operation = CreateOperation(
        model="res.partner",
        data=[{"name": "Company A", "is_company": True}, {"name": "Company B", "is_company": True}],
        context={"active_test": False},
        priority=1,
    )

    # Get operation info
    print(f"Batch size: {operation.get_batch_size()}")  # 2
    print(f"Operation ID: {operation.operation_id}")
    print(f"Status: {operation.status}")

    # Split into chunks
    chunks = operation.split(chunk_size=1)
    print(f"Split into {len(chunks)} chunks")

    # Check completion status
    print(f"Is completed: {operation.is_completed()}")
    print(f"Is successful: {operation.is_successful()}")

    assert capsys.readouterr().out == (
        f"Batch size: 2\nOperation ID: {operation.operation_id}\nStatus: OperationStatus.PENDING\n"
        "Split into 2 chunks\nIs completed: False\nIs successful: False\n"
    )


def test_update_operation(capsys: pytest.CaptureFixture[str]) -> None:
    from zenoo_fast.batch.operations import UpdateOperation

    # Same data for multiple records (bulk update)
    operation1 = UpdateOperation(model="res.partner", data={"active": True}, record_ids=[1, 2, 3, 4, 5])

    print(f"Is bulk operation: {operation1.is_bulk_operation()}")  # True
    print(f"Batch size: {operation1.get_batch_size()}")  # 5

    # Different data for each record (individual updates)
    operation2 = UpdateOperation(
        model="res.partner", data=[{"id": 1, "name": "Updated Name 1"}, {"id": 2, "name": "Updated Name 2"}]
    )

    print(f"Is bulk operation: {operation2.is_bulk_operation()}")  # False
    print(f"Batch size: {operation2.get_batch_size()}")  # 2

    assert capsys.readouterr().out == (
        "Is bulk operation: True\nBatch size: 5\nIs bulk operation: False\nBatch size: 2\n"
    )


def test_delete_operation(capsys: pytest.CaptureFixture[str]) -> None:
    from zenoo_fast.batch.operations import DeleteOperation

    operation = DeleteOperation(
        model="res.partner",
        data=[1, 2, 3, 4, 5],  # Record IDs
        context={"active_test": False},
    )

    print(f"Will delete {operation.get_batch_size()} records")

    assert capsys.readouterr().out == "Will delete 5 records\n"


async def test_standalone_batch_context(client: ExampleClient) -> None:
    from zenoo_fast.batch.context import batch_context

    async with batch_context(client, max_chunk_size=100, max_concurrency=5) as batch:
        """Convenient batch context without manager."""
        batch.create("res.partner", [{"name": "Test"}])
        batch.update("res.partner", {"active": False}, record_ids=[1, 2])
        # Auto-execute on context exit

    assert batch.results is not None
    assert batch.results["stats"]["completed_operations"] == 2


async def test_batch_operation(client: ExampleClient) -> None:
    from zenoo_fast.batch.context import batch_operation

    async with batch_operation(client, model="res.partner", operation_type="create", chunk_size=50) as collector:
        """Accumulate operations of single type."""
        collector.add({"name": "Test Company 1"})
        collector.add({"name": "Test Company 2"})
        # Records are automatically created when context exits

    assert collector.results is not None
    assert await names(client, collector.results) == ["Test Company 1", "Test Company 2"]


async def test_chunking_strategy(client: ExampleClient, batch_manager: Any) -> None:
    # Automatic chunking for large datasets
    large_dataset = [{"name": f"Company {i}"} for i in range(1000)]

    # Automatically split into chunks of 100
    created_ids = await batch_manager.bulk_create(model="res.partner", records=large_dataset, chunk_size=100)

    print(f"Created {len(created_ids)} records in chunks")

    assert await names(client, created_ids) == [f"Company {i}" for i in range(1000)]
    assert client.stand_in is not None
    assert len([call for call in client.stand_in.calls if call.method == "create"]) == 10


async def test_concurrency_control(client: ExampleClient) -> None:
    from zenoo_fast.batch.manager import BatchManager
    from zenoo_fast.batch.operations import CreateOperation

    operations = [CreateOperation(model="res.partner", data=[{"name": f"Company {i}"} for i in range(120)])]

    # Configure optimal concurrency
    batch_manager = BatchManager(
        client=client,
        max_chunk_size=50,  # Smaller chunks for better parallelism
        max_concurrency=10,  # Higher concurrency for speed
        timeout=120,  # Longer timeout for large operations
    )

    # Execute with progress tracking
    async def progress_callback(progress: dict[str, Any]) -> None:
        print(f"Progress: {progress['percentage']:.1f}%")

    results = await batch_manager.execute_operations(operations, progress_callback=progress_callback)

    assert [result["record_count"] for result in results["results"]] == [50, 50, 20]


async def test_high_performance_manager(client: ExampleClient) -> None:
    from zenoo_fast.batch.manager import BatchManager

    very_large_dataset = [{"name": f"Company {i}"} for i in range(450)]

    # High-performance batch manager
    batch_manager = BatchManager(
        client=client,
        max_chunk_size=200,  # Larger chunks
        max_concurrency=20,  # More concurrent operations
        timeout=600,  # Longer timeout
    )

    # Use bulk operations for high-performance processing
    created_ids = await batch_manager.bulk_create(model="res.partner", records=very_large_dataset, chunk_size=200)

    print(f"Created {len(created_ids)} records with high concurrency")

    assert await names(client, created_ids) == [f"Company {i}" for i in range(450)]


async def test_progress_monitoring(batch_manager: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from zenoo_fast.batch.operations import CreateOperation

    operations = [CreateOperation(model="res.partner", data=[{"name": "Company"}])]

    async def progress_callback(progress: dict[str, Any]) -> None:
        """Progress callback for monitoring."""
        print(f"Progress: {progress['percentage']:.1f}% ({progress['completed']}/{progress['total']})")
        print(
            f"Stats: {progress['stats']['completed_operations']} completed, "
            f"{progress['stats']['failed_operations']} failed"
        )

    # Use with progress monitoring
    await batch_manager.execute_operations(operations, progress_callback=progress_callback)

    assert capsys.readouterr().out == "Progress: 100.0% (1/1)\nStats: 1 completed, 0 failed\n"


@pytest.mark.parametrize("invalid_data", [[], [{}], "text"])
async def test_error_handling(batch_manager: Any, invalid_data: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from zenoo_fast.batch.exceptions import BatchError, BatchExecutionError, BatchValidationError

    try:
        # Use batch context correctly
        async with batch_manager.batch() as batch_context:
            await batch_context.create("res.partner", invalid_data)

    except BatchExecutionError as e:
        print(f"Batch execution failed: {e}")
        # Handle batch execution errors

    except BatchValidationError as e:
        print(f"Batch validation failed: {e}")
        # Handle validation errors

    except BatchError as e:
        print(f"General batch error: {e}")
        # Handle general batch errors

    assert capsys.readouterr().out.startswith("Batch validation failed: ")


async def test_partial_results(client: ExampleClient, batch_manager: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from zenoo_fast.batch.exceptions import BatchExecutionError

    mixed_valid_invalid_data = [{"name": "Good"}, {"name": "Bad", "parent_id": 2147483000}, {"name": "Good too"}]

    async def safe_batch_operation() -> Any:
        """Handle partial results in batch operations."""
        try:
            # Use bulk operations directly for better error handling
            results = await batch_manager.bulk_create(model="res.partner", records=mixed_valid_invalid_data)
            return results

        except BatchExecutionError as e:
            print(f"Batch execution failed: {e}")
            # Handle batch execution errors
            # Check if any operations succeeded before the failure
            raise

    with pytest.raises(BatchExecutionError) as caught:
        await safe_batch_operation()
    assert "Batch execution failed: Bulk create failed: " in capsys.readouterr().out
    partial = caught.value.partial_results
    assert (partial["created"], partial["failed"], partial["ids"][1]) == (2, 1, None)
    assert await names(client, [partial["ids"][0], partial["ids"][2]]) == ["Good", "Good too"]


async def test_pre_validation(client: ExampleClient, batch_manager: Any, capsys: pytest.CaptureFixture[str]) -> None:
    mixed_data = [{"name": "Good"}, {"email": "nameless@example.com"}]

    async def safe_batch_with_validation() -> Any:
        """Pre-validate data before batch operations."""
        valid_records = []
        invalid_records = []

        for record in mixed_data:
            if record.get("name"):  # Basic validation
                valid_records.append(record)
            else:
                invalid_records.append(record)

        if invalid_records:
            print(f"Skipping {len(invalid_records)} invalid records")

        if valid_records:
            results = await batch_manager.bulk_create(model="res.partner", records=valid_records)
            return results

        return []

    assert await names(client, await safe_batch_with_validation()) == ["Good"]
    assert capsys.readouterr().out == "Skipping 1 invalid records\n"


async def test_transactional_batch_operations(client: ExampleClient) -> None:
    from zenoo_fast.transaction.manager import TransactionManager

    partner_data = [{"name": f"Partner {i}"} for i in range(5)]

    # Setup both managers
    await client.setup_transaction_manager()
    batch_manager = await client.setup_batch_manager()
    assert isinstance(client.transaction_manager, TransactionManager)

    # Use transaction with batch operations
    async with client.transaction() as tx:
        # Create records
        created_ids = await batch_manager.bulk_create(model="res.partner", records=partner_data)

        # Update records
        await batch_manager.bulk_update(model="res.partner", data={"active": True}, record_ids=created_ids)

        # All operations commit together if no errors
        # Transaction automatically rolls back on any exception

    assert [operation.operation_type for operation in tx.operations] == ["create", "update"]
    assert await names(client, created_ids) == [f"Partner {i}" for i in range(5)]

    with pytest.raises(RuntimeError, match="any exception"):
        async with client.transaction():
            undone = await batch_manager.bulk_create(model="res.partner", records=partner_data)
            raise RuntimeError("any exception")
    assert await names(client, undone) == []


async def test_appropriate_chunk_sizes(batch_manager: Any) -> None:
    # ✅ Good: Appropriate chunk size for data volume
    small_dataset = [{"name": f"Small {i}"} for i in range(30)]  # < 50 records
    await batch_manager.bulk_create("res.partner", small_dataset, chunk_size=25)

    large_dataset = [{"name": f"Large {i}"} for i in range(1001)]  # > 1000 records
    await batch_manager.bulk_create("res.partner", large_dataset, chunk_size=200)

    assert batch_manager.get_stats()["total_records"] == 1031


async def test_large_datasets(batch_manager: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # ✅ Good: Process very large datasets in batches
    async def process_large_dataset(data: list[dict[str, Any]], batch_size: int = 1000) -> None:
        """Process large dataset in manageable batches."""
        for i in range(0, len(data), batch_size):
            batch_data = data[i : i + batch_size]

            # Use bulk operations directly for large datasets
            created_ids = await batch_manager.bulk_create(
                model="res.partner",
                records=batch_data,
                chunk_size=100,  # Internal chunking
            )

            print(f"Processed batch {i // batch_size + 1}: {len(created_ids)} records")

    await process_large_dataset([{"name": f"Company {i}"} for i in range(250)], batch_size=100)
    assert capsys.readouterr().out.splitlines() == [
        "Processed batch 1: 100 records",
        "Processed batch 2: 100 records",
        "Processed batch 3: 50 records",
    ]


async def test_progress_factory(batch_manager: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from zenoo_fast.batch.operations import CreateOperation

    operations = [CreateOperation(model="res.partner", data=[{"name": "Company"}])]

    # ✅ Good: Monitor progress for long-running operations
    def create_progress_callback(description: str) -> Callable[[dict[str, Any]], Any]:
        async def callback(progress: dict[str, Any]) -> None:
            print(
                f"{description}: {progress['percentage']:.1f}% complete ({progress['completed']}/{progress['total']})"
            )

        return callback

    await batch_manager.execute_operations(operations, progress_callback=create_progress_callback("Creating partners"))

    assert capsys.readouterr().out == "Creating partners: 100.0% complete (1/1)\n"


async def test_validate_before(client: ExampleClient, batch_manager: Any, capsys: pytest.CaptureFixture[str]) -> None:
    raw_data = [
        {"name": "Good", "email": "good@example.com"},
        {"name": "Bad", "email": "no address"},
        {"email": "nameless@example.com"},
    ]

    # ✅ Good: Validate data before batch processing
    def validate_partner_data(records: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Validate partner data before batch creation."""
        valid_records = []
        invalid_records = []

        for record in records:
            if not record.get("name"):
                invalid_records.append(record)
            elif not record.get("email") or "@" not in record["email"]:
                invalid_records.append(record)
            else:
                valid_records.append(record)

        return valid_records, invalid_records

    # Usage
    valid_data, invalid_data = validate_partner_data(raw_data)

    if invalid_data:
        print(f"Skipping {len(invalid_data)} invalid records")

    if valid_data:
        # Use bulk operations for validated data
        created_ids = await batch_manager.bulk_create(model="res.partner", records=valid_data)

    assert await names(client, created_ids) == ["Good"]
    assert capsys.readouterr().out == "Skipping 2 invalid records\n"
