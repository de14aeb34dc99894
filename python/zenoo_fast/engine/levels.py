"""The order in which rows that refer to rows of the same input go in: those that are referred to first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

from zenoo_fast._core import Levels, RowSet
from zenoo_fast.engine.feed import BLOCK_BYTES, BLOCK_ROWS, BlockSource


async def levels_of(source: BlockSource, columns: Sequence[str], *, threaded: bool) -> list[RowSet]:
    """Rows by level: a row's level is one above the highest of the rows of the same input that it refers to.

    Args:
        source: The input, at its begin; its rows have external ids.
        columns: Columns of the rows that hold external ids of the same model's records, several with commas between.
        threaded: The source may be read in a thread.

    Returns:
        One set a level; one set where no row refers to another. Rows that refer to each other in a circle are in the
        last one, where the reference that cannot be resolved rejects them.
    """
    levels = Levels(columns)

    def read_all() -> None:
        while (block := source.read(BLOCK_ROWS, BLOCK_BYTES, None)) is not None:
            assert not isinstance(block, Awaitable), "a source that awaits is not read in a thread"
            levels.add(block)

    if threaded:
        await asyncio.to_thread(read_all)
        return levels.finish()
    while True:
        answer = source.read(BLOCK_ROWS, BLOCK_BYTES, None)
        block = await answer if isinstance(answer, Awaitable) else answer
        if block is None:
            return levels.finish()
        levels.add(block)
