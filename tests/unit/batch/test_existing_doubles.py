"""Test doubles as existing callers have them: mocks, fixed answers, callbacks."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from zenoo_fast.batch import (
    BatchError,
    BatchExecutor,
    BatchManager,
    CreateOperation,
    DeleteOperation,
    UpdateOperation,
)

MODEL = "res.partner"


async def test_a_mock_is_called_with_four_positional_arguments() -> None:
    client = AsyncMock()
    client.execute_kw.return_value = [1, 2]
    assert await BatchManager(client).bulk_create(MODEL, [{"name": "A"}, {"name": "B"}]) == [1, 2]
    client.execute_kw.assert_called_once_with(MODEL, "create", [[{"name": "A"}, {"name": "B"}]], {})
    client.execute_kw.reset_mock()
    client.execute_kw.return_value = True
    assert await BatchManager(client).bulk_update(MODEL, {"active": True}, [1, 2], context={"lang": "de_DE"}) is True
    client.execute_kw.assert_called_once_with(
        MODEL, "write", [[1, 2], {"active": True}], {"context": {"lang": "de_DE"}}
    )
    client.execute_kw.reset_mock()
    assert await BatchManager(client).bulk_delete(MODEL, [3, 4]) is True
    client.execute_kw.assert_called_once_with(MODEL, "unlink", [[3, 4]], {})


async def test_a_sync_mock_works() -> None:
    client = Mock()
    client.execute_kw.side_effect = [[1, 2], [3]]
    assert await BatchManager(client, max_chunk_size=2).bulk_create(MODEL, [{"name": str(n)} for n in range(3)]) == [
        1,
        2,
        3,
    ]


async def test_two_different_updates_take_two_calls() -> None:
    client = AsyncMock()
    client.execute_kw.return_value = True
    updates = [{"id": 1, "name": "Updated 1"}, {"id": 2, "name": "Updated 2"}]
    assert await BatchManager(client).bulk_update(MODEL, updates) is True
    assert [call.args[1] for call in client.execute_kw.call_args_list] == ["write", "write"]


async def test_one_answer_for_everything() -> None:
    """``True`` for whatever is called; a bare id for one record."""
    client = AsyncMock()
    client.execute_kw.return_value = True
    operations = [
        CreateOperation(MODEL, [{"name": "A"}]),
        UpdateOperation(MODEL, {"active": False}, record_ids=[1]),
        DeleteOperation(MODEL, [2]),
    ]
    answer = await BatchExecutor(client).execute_operations(operations)
    assert answer["stats"]["completed_operations"] == 3
    client.execute_kw.return_value = 7
    assert await BatchManager(client).bulk_create(MODEL, [{"name": "A"}]) == [7]


async def test_more_ids_than_records_are_told(caplog: pytest.LogCaptureFixture) -> None:
    client = AsyncMock()
    client.execute_kw.return_value = [1, 2, 3]
    with caplog.at_level(logging.WARNING):
        assert await BatchManager(client).bulk_create(MODEL, [{"name": "A"}, {"name": "B"}]) == [1, 2]
    assert "create of 2 records was answered with 3 ids" in caplog.text


@pytest.mark.parametrize("answer", [[], [1], None, "text", {"id": 1}, [0, 1], [None, 2]])
async def test_too_few_or_wrong_ids_are_an_error(answer: Any) -> None:
    client = AsyncMock()
    client.execute_kw.return_value = answer
    with pytest.raises(BatchError, match="Bulk create failed"):
        await BatchManager(client).bulk_create(MODEL, [{"name": "A"}, {"name": "B"}])
    assert client.execute_kw.call_count == 1


@pytest.mark.parametrize("answer", [False])
async def test_a_write_that_says_no_is_an_error(answer: Any) -> None:
    client = AsyncMock()
    client.execute_kw.return_value = answer
    with pytest.raises(BatchError, match="Bulk update failed"):
        await BatchManager(client).bulk_update(MODEL, {"active": True}, [1])
    with pytest.raises(BatchError, match="Bulk delete failed"):
        await BatchManager(client).bulk_delete(MODEL, [1])


@pytest.mark.parametrize(
    ("verb", "arguments"), [("create", ([{"name": "A"}],)), ("update", ({"name": "A"}, [1])), ("delete", ([1],))]
)
async def test_a_plain_exception_is_told_with_its_text(verb: str, arguments: tuple[Any, ...]) -> None:
    client = AsyncMock()
    client.execute_kw.side_effect = Exception("Database error")
    with pytest.raises(BatchError, match=f"Bulk {verb} failed: .*Database error"):
        await getattr(BatchManager(client), f"bulk_{verb}")(MODEL, *arguments)


async def test_a_failed_operation_among_others() -> None:
    client = AsyncMock()
    client.execute_kw.side_effect = [[1, 2, 3], Exception("Database error"), [7]]
    operations = [
        CreateOperation(MODEL, [{"name": str(n)} for n in range(3)]),
        CreateOperation(MODEL, [{"name": "refused"}]),
        CreateOperation(MODEL, [{"name": "last"}]),
    ]
    answer = await BatchExecutor(client, max_concurrency=1).execute_operations(operations)
    assert [result["success"] for result in answer["results"]] == [True, False, True]
    failed = answer["results"][1]
    assert "Database error" in failed["error"]
    assert "result" not in failed
    assert set(answer["results"][0]) == {
        "success",
        "operation_id",
        "operation_type",
        "model",
        "record_count",
        "result",
        "duration",
    }
    assert answer["results"][0]["operation_type"] == "create"


async def test_halving_through_a_mock() -> None:
    client = AsyncMock()
    client.execute_kw.side_effect = [Exception("Bulk create failed"), 1, 2]
    assert await BatchManager(client).bulk_create(MODEL, [{"name": "A"}, {"name": "B"}]) == [1, 2]


async def test_a_client_that_is_called_many_at_once_is_not() -> None:
    client = AsyncMock()
    running = peak = 0

    async def count(*_: Any) -> list[int]:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0.002)
        running -= 1
        return [1]

    client.execute_kw = count
    await BatchExecutor(client, max_concurrency=2).execute_operations(
        [CreateOperation(MODEL, [{"name": str(n)}]) for n in range(6)]
    )
    assert peak == 2


async def test_a_client_without_weak_references_works() -> None:
    class Slotted:
        __slots__ = ("methods",)

        def __init__(self) -> None:
            self.methods: list[str] = []

        def execute_kw(self, model: str, method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
            self.methods.append(method)
            return [] if method == "web_save_multi" else True

    client = Slotted()
    assert await BatchManager(client).bulk_update(MODEL, [{"id": i, "name": str(i)} for i in range(1, 9)]) is True
    assert client.methods == ["web_save_multi", "web_save_multi"]


async def test_zenoo_rpcs_own_client_gets_the_context_beside_the_keywords() -> None:
    """Its ``execute_kw`` puts its user's context in the place of one among the keyword arguments."""

    class ZenooClient:
        __module__ = "zenoo_rpc.client"

        def __init__(self) -> None:
            self.contexts: list[dict[str, Any]] = []

        async def execute_kw(
            self,
            model: str,
            method: str,
            args: list[Any],
            kwargs: dict[str, Any] | None = None,
            context: dict[str, Any] | None = None,
        ) -> Any:
            self.contexts.append({"lang": "en_US", "tz": "UTC", **(context or {})})
            return [1]

    client = ZenooClient()
    await BatchManager(client).bulk_create(MODEL, [{"name": "A"}], context={"tracking_disable": True})
    await BatchManager(client).bulk_create(MODEL, [{"name": "A"}])
    assert client.contexts == [
        {"lang": "en_US", "tz": "UTC", "tracking_disable": True},
        {"lang": "en_US", "tz": "UTC"},
    ]
