"""Our own client's road: rows travel as JSON, serialised once; workers where they are asked for."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from memory_odoo import MemoryOdoo, OdooError

from zenoo_fast.batch import BatchExecutionError, BatchManager, BatchValidationError
from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind, ServerError
from zenoo_fast.transports import classify
from zenoo_fast.transports.base import Call, Rows

MODEL = "res.partner"


class JsonClient(MemoryOdoo):
    """As `ZenooClient` looks to a batch, with a transport that takes JSON to the table in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Outcome] = []
        self.bodies: list[dict[str, Any]] = []

    def transport_spec(self) -> Any:
        raise AssertionError("no workers were asked for")

    @property
    def transport(self) -> JsonClient:
        return self

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def call(self, call: Call, /) -> Outcome:
        body = {
            name: json.loads(b"[%b]" % bytes(value.json()))
            if isinstance(value, Rows)
            else json.loads(json.dumps(value))
            for name, value in call.arguments.items()
        }
        self.bodies.append(body)
        kwargs = {"context": dict(call.context)} if call.context else {}
        self.calls.append((call.model, call.method, list(body.values()), kwargs))
        if self.answers:
            return self.answers.pop(0)
        try:
            result = self.apply(call.model, call.method, list(body.values()), {})
        except OdooError as error:
            return classify.odoo_error(ServerError(error.name, str(error)))
        return Outcome(OutcomeKind.COMMITTED, json.dumps(result).encode())


@pytest.fixture
def client() -> JsonClient:
    return JsonClient()


async def test_rows_travel_as_json(client: JsonClient) -> None:
    manager = BatchManager(client, max_chunk_size=2)
    records = [{"name": f"Company {n}", "category_id": [(6, 0, [n])], "email": None} for n in range(5)]
    ids = await manager.bulk_create(MODEL, records, context={"lang": "de_DE"})
    assert [client.table()[i]["name"] for i in ids] == [f"Company {n}" for n in range(5)]
    assert client.table()[ids[3]]["category_id"] == [3]
    assert client.calls[0][3] == {"context": {"lang": "de_DE"}}
    updates = [{"id": i, "name": f"New {i}"} for i in ids]
    assert await manager.bulk_update(MODEL, updates) is True
    assert client.bodies[-1] == {"ids": [ids[4]], "vals_list": [{"name": f"New {ids[4]}"}], "specification": {}}
    assert await manager.bulk_update(MODEL, {"email": dt.date(2026, 1, 2)}, ids) is True
    assert client.table()[ids[0]]["email"] == "2026-01-02"
    assert await manager.bulk_delete(MODEL, ids) is True
    assert client.table() == {}


async def test_a_value_without_a_json_form_is_a_reject(client: JsonClient) -> None:
    manager = BatchManager(client, max_chunk_size=3)
    records: list[dict[str, Any]] = [{"name": f"Company {n}"} for n in range(7)]
    records[4]["email"] = object()
    with pytest.raises(BatchExecutionError, match="is not a value with a JSON form") as caught:
        await manager.bulk_create(MODEL, records)
    (reject,) = caught.value.failed_operations
    assert (reject.row, reject.field, reject.code) == (4, "email", "not_json")
    assert reject.record is records[4]
    ids = caught.value.partial_results["ids"]
    assert [record_id is None for record_id in ids] == [n == 4 for n in range(7)]
    good = [record_id for record_id in ids if record_id]
    with pytest.raises(BatchExecutionError, match="JSON form"):
        await manager.bulk_update(
            MODEL, [{"id": i, "name": object() if n == 2 else f"New {n}"} for n, i in enumerate(good)]
        )
    assert [client.table()[i]["name"] for i in good[:3]] == ["New 0", "New 1", "Company 2"]


async def test_same_values_without_a_json_form_send_nothing(client: JsonClient) -> None:
    with pytest.raises(BatchValidationError, match=r"email: .* is not a value with a JSON form"):
        await BatchManager(client).bulk_update(MODEL, {"email": object()}, [1])
    assert client.calls == []


async def test_grouped_writes_reject_what_has_no_json_form(client: JsonClient) -> None:
    client.has_save_multi = False
    ids = client.seed(4)
    updates = [{"id": i, "name": object() if n == 1 else f"New {n}"} for n, i in enumerate(ids)]
    with pytest.raises(BatchExecutionError) as caught:
        await BatchManager(client).bulk_update(MODEL, updates)
    assert [reject.row for reject in caught.value.failed_operations] == [1]
    assert [client.table()[i]["name"] for i in ids] == ["New 0", "Seed 1", "New 2", "New 3"]


async def test_what_is_hopeless_is_sent_once(client: JsonClient) -> None:
    denied = ServerError("odoo.exceptions.AccessDenied", "Access Denied")
    client.answers = [Outcome(OutcomeKind.NOT_EXECUTED, error=denied, action=Action.STOP)]
    manager = BatchManager(client, max_chunk_size=10, max_concurrency=1)
    with pytest.raises(BatchExecutionError, match="Bulk create failed: Access Denied") as caught:
        await manager.bulk_create(MODEL, [{"name": f"Company {n}"} for n in range(50)])
    assert len(client.calls) == 1
    assert caught.value.context["error_type"] == "AuthenticationError"
    assert caught.value.partial_results["failed"] == 50
    assert "unknown" not in caught.value.partial_results


async def test_a_transient_refusal_is_sent_again(client: JsonClient) -> None:
    busy = ServerError("psycopg2.errors.SerializationFailure", "could not serialize access")
    client.answers = [Outcome(OutcomeKind.REFUSED, error=busy, action=Action.RETRY, retry_after=0.0)]
    ids = await BatchManager(client).bulk_create(MODEL, [{"name": "A"}, {"name": "B"}])
    assert len(ids) == 2
    assert client.count("create") == 2


async def test_a_lost_update_is_sent_again_and_a_lost_create_is_not(client: JsonClient) -> None:
    ids = client.seed(2)
    lost = classify.exception(ConnectionResetError("reset"), sent=True)
    client.answers = [lost]
    assert await BatchManager(client).bulk_update(MODEL, {"email": "new@example.com"}, ids) is True
    assert client.count("write") == 2
    client.answers = [lost]
    with pytest.raises(BatchExecutionError, match="whether this record is in is not known") as caught:
        await BatchManager(client).bulk_create(MODEL, [{"name": "A"}])
    assert client.count("create") == 1
    assert caught.value.partial_results == {"ids": [None], "created": 0, "failed": 1, "unknown": [0]}
    assert caught.value.context["error_type"] == "ConnectionError"
