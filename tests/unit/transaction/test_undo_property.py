"""Whatever is done in a transaction is undone, but for the ids of what was deleted."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from memory_odoo import MemoryOdoo

from zenoo_fast.batch import BatchManager
from zenoo_fast.transaction import TransactionManager

MODEL = "res.partner"


class Undo(Exception):  # noqa: N818
    pass


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.integers(1, 5)),
        st.tuples(st.just("same"), st.lists(st.integers(0, 50), min_size=1, max_size=8)),
        st.tuples(st.just("own"), st.lists(st.integers(0, 50), min_size=1, max_size=8)),
        st.tuples(st.just("delete"), st.lists(st.integers(0, 50), min_size=1, max_size=4)),
        st.tuples(st.just("enter"), st.booleans()),
        st.tuples(st.just("savepoint"), st.booleans()),
    ),
    max_size=12,
)


async def run(odoo: MemoryOdoo, steps: list[tuple[str, Any]]) -> None:  # noqa: C901 - one branch a step
    manager = BatchManager(odoo, max_chunk_size=3, max_concurrency=2)
    transactions = TransactionManager(odoo)

    async def play(tx: Any, rest: list[tuple[str, Any]]) -> None:  # noqa: C901
        for position, (kind, value) in enumerate(rest):
            ids = list(odoo.table())
            chosen = sorted({ids[n % len(ids)] for n in value}) if isinstance(value, list) and ids else []
            if kind == "create":
                await manager.bulk_create(MODEL, [{"name": f"New {n}"} for n in range(value)])
            elif kind == "same" and chosen:
                await manager.bulk_update(MODEL, {"email": f"{position}@example.com", "color": position}, chosen)
            elif kind == "own" and chosen:
                await manager.bulk_update(MODEL, [{"id": i, "name": f"Changed {position} {i}"} for i in chosen])
            elif kind == "delete" and chosen:
                await manager.bulk_delete(MODEL, chosen)
            elif kind == "enter":
                try:
                    async with transactions.transaction() as inner:
                        await play(inner, rest[position + 1 :])
                        if value:
                            raise Undo  # noqa: TRY301
                except Undo:
                    pass
                return
            elif kind == "savepoint":
                point = await tx.create_savepoint()
                await play(tx, rest[position + 1 :])
                if value:
                    await tx.rollback_to_savepoint(point)
                return

    try:
        async with transactions.transaction() as outer:
            await play(outer, steps)
            raise Undo  # noqa: TRY301
    except Undo:
        pass


def contents(odoo: MemoryOdoo) -> list[str]:
    return sorted(str(sorted((k, v) for k, v in values.items() if v)) for values in odoo.table().values())


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, seeds=st.integers(0, 12))
def test_the_table_is_as_it_was(steps: list[tuple[str, Any]], seeds: int) -> None:
    odoo = MemoryOdoo()
    if seeds:
        odoo.seed(seeds, email="old@example.com", category_id=[(6, 0, [3, 4])])
    before = contents(odoo)
    asyncio.run(run(odoo, steps))
    assert contents(odoo) == before
