"""Whatever rows are bad, whatever sizes: every row ends once, in the place it came from."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from memory_odoo import MemoryOdoo

from zenoo_fast.batch import BatchManager, CreateOperation, UpdateOperation

MODEL = "res.partner"


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 80),
    bad=st.sets(st.integers(0, 79), max_size=12),
    chunk_size=st.integers(1, 40),
    concurrency=st.integers(1, 6),
)
def test_every_created_row_ends_once(count: int, bad: set[int], chunk_size: int, concurrency: int) -> None:
    bad = {row for row in bad if row < count}
    odoo = MemoryOdoo()
    operation = CreateOperation(MODEL, [{"name": "bad" if n in bad else f"Company {n}"} for n in range(count)])
    manager = BatchManager(odoo, max_chunk_size=chunk_size, max_concurrency=concurrency)
    answer = asyncio.run(manager.execute_operations([operation]))
    rejected = {reject.row for result in answer["results"] for reject in result.get("rejects", [])}
    assert rejected == bad
    assert sum(result["record_count"] for result in answer["results"]) == count
    assert [record_id is None for record_id in operation.result or []] == [n in bad for n in range(count)]
    assert len(odoo.table()) == count - len(bad)
    for row, record_id in enumerate(operation.result or []):
        assert record_id is None or odoo.table()[record_id]["name"] == f"Company {row}"
    assert answer["stats"]["processed_records"] == count - len(bad)
    assert odoo.peak <= concurrency


@settings(max_examples=60, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=60),
    chunk_size=st.integers(1, 20),
    concurrency=st.integers(1, 6),
    has_save_multi=st.booleans(),
)
def test_updates_end_as_if_made_one_after_the_other(
    changes: list[tuple[int, int]], chunk_size: int, concurrency: int, has_save_multi: bool
) -> None:
    odoo = MemoryOdoo(has_save_multi=has_save_multi)
    ids = odoo.seed(10, color=99)
    data: list[dict[str, Any]] = [{"id": ids[which], "color": color} for which, color in changes]
    manager = BatchManager(odoo, max_chunk_size=chunk_size, max_concurrency=concurrency)
    asyncio.run(manager.execute_operations([UpdateOperation(MODEL, data)]))
    wanted = dict.fromkeys(ids, 99) | {ids[which]: color for which, color in changes}
    assert {record_id: values["color"] for record_id, values in odoo.table().items()} == wanted
