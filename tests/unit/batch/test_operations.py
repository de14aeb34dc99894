"""Operations: wrong use is told with the index and the reason before anything is sent."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from zenoo_fast.batch import (
    BatchError,
    BatchOperation,
    BatchSizeError,
    BatchValidationError,
    CreateOperation,
    DeleteOperation,
    OperationStatus,
    OperationType,
    UpdateOperation,
    create_batch_operation,
    validate_batch_operations,
)
from zenoo_fast.exceptions import ZenooError

MODEL = "res.partner"
GOOD = {"name": "Company A"}


@pytest.mark.parametrize(
    ("data", "message", "index"),
    [
        ({"name": "A"}, "must be a list of dictionaries, not a dict", None),
        (({"name": "A"},), "must be a list of dictionaries, not a tuple", None),
        (None, "must be a list of dictionaries, not None", None),
        ([], "data cannot be empty", None),
        ([GOOD, "text"], "Record 1 must be a dictionary, not 'text'", 1),
        ([GOOD, GOOD, None], "Record 2 must be a dictionary, not None", 2),
        ([GOOD, {}], "Record 1 cannot be empty", 1),
    ],
)
def test_a_wrong_create_names_index_and_reason(data: Any, message: str, index: int | None) -> None:
    with pytest.raises(BatchValidationError, match=message) as caught:
        CreateOperation(model=MODEL, data=data)
    assert [error["index"] for error in caught.value.validation_errors] == ([] if index is None else [index])


@pytest.mark.parametrize(
    ("data", "record_ids", "message"),
    [
        ("text", None, "Update data must be a dictionary or list of dictionaries, not 'text'"),
        ({"active": True}, None, "Record IDs are required for bulk update"),
        ({"active": True}, [], "Record IDs are required for bulk update"),
        ({"active": True}, (1, 2), "Record IDs must be a list of integers, not a tuple"),
        ({}, [1], "Update data cannot be empty"),
        ({"active": True}, [1, 0], "Record ID 1 must be a positive integer, not 0"),
        ({"active": True}, [True], "Record ID 0 must be a positive integer, not True"),
        ([], None, "Update operation data cannot be empty"),
        ([{"id": 1, "name": "A"}], [1], "Record IDs cannot be combined with a list of updates"),
        ([{"id": 1, "name": "A"}, {"name": "B"}], None, "Record 1 must contain 'id' field"),
        ([{"id": "1", "name": "A"}], None, "Record 0 must contain 'id' field that is a positive integer, not '1'"),
        ([{"id": True, "name": "A"}], None, "not True"),
        ([{"id": 1}], None, "Record 0 must contain fields to update"),
        ([{"id": 1, "name": "A"}, 7], None, "Record 1 must be a dictionary, not 7"),
    ],
)
def test_a_wrong_update_names_index_and_reason(data: Any, record_ids: Any, message: str) -> None:
    with pytest.raises(BatchValidationError, match=message):
        UpdateOperation(model=MODEL, data=data, record_ids=record_ids)


@pytest.mark.parametrize("wrong", [0, -1, True, False, "3", 1.0, None])
def test_a_delete_takes_positive_integers_only(wrong: Any) -> None:
    # The ancestor lets True pass: isinstance(True, int).
    with pytest.raises(BatchValidationError, match=f"Record ID 1 must be a positive integer, not {wrong!r}") as caught:
        DeleteOperation(model=MODEL, data=[1, wrong])
    assert caught.value.validation_errors[0]["index"] == 1


def test_a_wrong_delete_is_refused() -> None:
    with pytest.raises(BatchValidationError, match="must be a list of record IDs, not 5"):
        DeleteOperation(model=MODEL, data=5)
    with pytest.raises(BatchValidationError, match="data cannot be empty"):
        DeleteOperation(model=MODEL, data=[])


@pytest.mark.parametrize("model", ["", None, 5])
def test_the_model_is_required(model: Any) -> None:
    with pytest.raises(BatchValidationError, match="Model is required for create operation"):
        CreateOperation(model=model, data=[GOOD])
    with pytest.raises(BatchValidationError, match="Model is required for update operation"):
        UpdateOperation(model=model, data={"name": "A"}, record_ids=[1])
    with pytest.raises(BatchValidationError, match="Model is required for delete operation"):
        DeleteOperation(model=model, data=[1])


def test_context_and_priority_are_checked() -> None:
    with pytest.raises(BatchValidationError, match="Context must be a dictionary"):
        CreateOperation(model=MODEL, data=[GOOD], context=["lang"])  # type: ignore[arg-type]
    with pytest.raises(BatchValidationError, match="Priority must be an integer"):
        CreateOperation(model=MODEL, data=[GOOD], priority="high")  # type: ignore[arg-type]


def test_every_wrong_record_is_listed_up_to_a_hundred() -> None:
    with pytest.raises(BatchValidationError, match=r"Record 1 cannot be empty \(and 1 more\)") as caught:
        CreateOperation(model=MODEL, data=[GOOD, {}, GOOD, {}])
    assert [error["index"] for error in caught.value.validation_errors] == [1, 3]
    with pytest.raises(BatchValidationError) as caught:
        CreateOperation(model=MODEL, data=[{} for _ in range(5000)])
    assert len(caught.value.validation_errors) == 100


def test_defaults_are_those_of_the_reference() -> None:
    operation = CreateOperation(model=MODEL, data=[GOOD])
    assert operation.operation_type is OperationType.CREATE
    assert operation.status is OperationStatus.PENDING
    assert operation.priority == 0
    assert operation.return_ids is True
    assert operation.context is operation.created_at is operation.started_at is operation.completed_at is None
    assert operation.error is operation.result is None
    assert operation.operation_id != CreateOperation(model=MODEL, data=[GOOD]).operation_id
    assert UpdateOperation(model=MODEL, data={"name": "A"}, record_ids=[1]).operation_type is OperationType.UPDATE
    assert DeleteOperation(model=MODEL, data=[1]).operation_type is OperationType.DELETE
    assert [status.value for status in OperationStatus] == ["pending", "executing", "completed", "failed", "cancelled"]
    assert [kind.value for kind in OperationType] == ["create", "update", "delete", "unlink"]


def test_times_and_status_tell_where_it_stands() -> None:
    operation = DeleteOperation(model=MODEL, data=[1, 2])
    assert not operation.is_completed()
    assert operation.get_duration() is None
    operation.started_at, operation.completed_at = 0.0, 2.5
    operation.status = OperationStatus.FAILED
    assert operation.is_completed()
    assert not operation.is_successful()
    assert operation.get_duration() == 2.5
    operation.status = OperationStatus.COMPLETED
    assert operation.is_successful()


def test_splitting_keeps_order_context_and_priority() -> None:
    records = [{"name": f"Company {n}"} for n in range(250)]
    untouched = copy.deepcopy(records)
    chunks = CreateOperation(model=MODEL, data=records, context={"lang": "de_DE"}, priority=3).split(100)
    assert [chunk.get_batch_size() for chunk in chunks] == [100, 100, 50]
    assert [record for chunk in chunks for record in chunk.data] == records == untouched
    assert {(chunk.priority, str(chunk.context)) for chunk in chunks} == {(3, "{'lang': 'de_DE'}")}
    same = UpdateOperation(model=MODEL, data={"active": False}, record_ids=list(range(1, 301)))
    assert same.is_bulk_operation()
    assert [len(chunk.record_ids or []) for chunk in same.split(200)] == [200, 100]
    own = UpdateOperation(model=MODEL, data=[{"id": n, "name": "x"} for n in range(1, 4)])
    assert not own.is_bulk_operation()
    assert own.get_batch_size() == 3
    assert [chunk.data[0]["id"] for chunk in own.split(2)] == [1, 3]
    deletion = DeleteOperation(model=MODEL, data=[1, 2, 3])
    assert [chunk.data for chunk in deletion.split(2)] == [[1, 2], [3]]
    assert deletion.split(3) == [deletion]


@pytest.mark.parametrize("size", [0, -5, True, "10", None, 2.5])
def test_a_chunk_size_is_a_positive_integer(size: Any) -> None:
    with pytest.raises(BatchSizeError, match="Chunk size must be a positive integer"):
        CreateOperation(model=MODEL, data=[GOOD]).split(size)


def test_operations_can_be_made_by_name() -> None:
    assert isinstance(create_batch_operation("CREATE", MODEL, [GOOD]), CreateOperation)
    updated = create_batch_operation("update", MODEL, {"active": True}, record_ids=[1], priority=2)
    assert isinstance(updated, UpdateOperation)
    assert updated.priority == 2
    assert isinstance(create_batch_operation("unlink", MODEL, [1]), DeleteOperation)
    assert isinstance(create_batch_operation(OperationType.DELETE, MODEL, [1]), DeleteOperation)
    with pytest.raises(BatchValidationError, match="Unknown operation type: merge"):
        create_batch_operation("merge", MODEL, [1])


def test_a_list_of_operations_names_the_wrong_one() -> None:
    good = CreateOperation(model=MODEL, data=[GOOD])
    validate_batch_operations([good])
    with pytest.raises(BatchValidationError, match="Operations list cannot be empty"):
        validate_batch_operations([])
    with pytest.raises(BatchValidationError, match="Operation 1 must be a BatchOperation, not a dict"):
        validate_batch_operations([good, {"model": MODEL}])  # type: ignore[list-item]
    changed = CreateOperation(model=MODEL, data=[{"name": "A"}])
    changed.data[0].clear()
    with pytest.raises(BatchValidationError, match="Operation 1 validation failed: Record 0 cannot be empty"):
        validate_batch_operations([good, changed])


def test_an_operation_of_an_unknown_kind_is_refused() -> None:
    class Merge(BatchOperation):
        def validate(self) -> None: ...
        def get_batch_size(self) -> int:
            return 1

        def split(self, chunk_size: int) -> list[BatchOperation]:
            return [self]

    with pytest.raises(BatchValidationError, match="Operation 0 validation failed: Unknown operation type: a Merge"):
        validate_batch_operations([Merge(model=MODEL, data=[])])


async def test_an_operation_may_be_awaited() -> None:
    operation = CreateOperation(model=MODEL, data=[GOOD])
    assert await operation is operation


def test_batch_errors_are_zenoo_errors() -> None:
    for error in (BatchValidationError("x", batch_id="b"), BatchSizeError("x", "b"), BatchError("x", "b")):
        assert isinstance(error, ZenooError)
        assert error.batch_id == "b"
