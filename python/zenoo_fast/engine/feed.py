"""Reads blocks ahead in a thread and slices chunks off them when they are asked for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from zenoo_fast._core import Block, Chunk, RowSet
from zenoo_fast.engine.outcome import Reject

BLOCK_ROWS = 4096
"""About as many; a multiple of what was last asked for, so that blocks do not end with small chunks."""
BLOCK_BYTES = 4 << 20


class BlockSource(Protocol):
    """Where blocks come from."""

    @property
    def columns(self) -> list[str] | None:
        """Names of the input's columns, in order; ``None`` for mappings."""

    @property
    def position(self) -> int:
        """Bytes read so far, 0 where that means nothing."""

    def read(self, max_rows: int, max_bytes: int, skip: RowSet | None) -> Block | Awaitable[Block | None] | None:
        """The next block; ``None`` at the end. Runs in a thread, unless it answers an awaitable.

        Raises:
            OSError: The input cannot be read any further.
            ValueError: Likewise: its text is broken.
        """


class Feed:
    """Chunks of a source, one block read ahead.

    Args:
        source: Where blocks come from.
        on_read: Told with every chunk: rows taken since the last one, and those of them that are rejects.
        limit: Rows at most.
        skip: Rows that are counted and left out.
        threaded: Read in a thread; off for sources of Python objects, which would only wait for the interpreter, and
            for those that see to it themselves (they say so by an attribute ``elsewhere``).
    """

    def __init__(
        self,
        source: BlockSource,
        on_read: Callable[[int, list[Reject]], None],
        *,
        limit: int | None = None,
        skip: RowSet | None = None,
        threaded: bool = True,
    ) -> None:
        self._source = source
        self._on_read = on_read
        self._allowed = limit
        total: int | None = getattr(source, "total", None)
        self._unread = total if total is None or limit is None else min(total, limit)
        self._skip = skip
        self._executor = ThreadPoolExecutor(1, "zenoo-fast-reader") if threaded else None
        self._reads_ahead = threaded or getattr(source, "elsewhere", False)
        self._ahead: asyncio.Future[Block | None] | None = None
        self._chunk: Chunk | None = None
        self._at = 0
        self._rejects: deque[Reject] = deque()
        self._ended = False
        self._rows_a_block: int = getattr(source, "block_rows", BLOCK_ROWS)
        self._block_rows = self._rows_a_block

    async def next(self, max_rows: int, max_bytes: int) -> Chunk | None:
        """The next chunk; ``None`` at the end.

        Raises:
            OSError: The input cannot be read any further.
            ValueError: Likewise: its text is broken.
        """
        self._block_rows = max_rows * max(1, self._rows_a_block // max_rows)
        while (found := self.next_at_hand(max_rows, max_bytes)) is None:
            block = await self._next_block()
            if block is None:
                return None
            self._chunk, self._at = block.chunk, 0
            self._rejects = deque(sorted((Reject(*one) for one in block.rejects), key=lambda one: one.row))
            if not len(block.chunk):
                self._tell(0, None)
        return found

    @property
    def left(self) -> int | None:
        """Rows that are left; ``None`` where nobody knows yet."""
        if self._chunk is None:
            return None
        at_hand = len(self._chunk) - self._at
        if self._unread is not None:
            return at_hand + self._unread
        ahead = self._ahead
        ended = self._ended or (
            ahead is not None
            and ahead.done()
            and not ahead.cancelled()
            and ahead.exception() is None
            and ahead.result() is None
        )
        return at_hand if ended else None

    def next_at_hand(self, max_rows: int, max_bytes: int) -> Chunk | None:
        """The next chunk where no reading is needed for it, else ``None``."""
        if self._chunk is None or self._at >= len(self._chunk):
            return None
        start = self._at
        self._at += self._chunk.fitting(start, max_rows, max_bytes)
        # Only what is taken counts as read: a run that is stopped has an end between two rows, not within a block.
        self._tell(self._at - start, self._chunk.row(self._at) if self._at < len(self._chunk) else None)
        return self._chunk.slice(start, self._at)

    def _tell(self, rows: int, before: int | None) -> None:
        """Rows were taken, and with them the rejects that come before the next row."""
        rejects = []
        while self._rejects and (before is None or self._rejects[0].row < before):
            rejects.append(self._rejects.popleft())
        self._on_read(rows + len(rejects), rejects)

    async def _next_block(self) -> Block | None:
        if self._ahead is None:
            self._read_ahead()
        assert self._ahead is not None
        ahead, self._ahead = self._ahead, None
        block = await ahead
        if block is None:
            self._ended = True
            return None
        if self._allowed is not None:
            self._allowed -= block.read
        if self._unread is not None:
            self._unread = max(0, self._unread - block.read)
        if self._reads_ahead:
            self._read_ahead()
        return block

    def _read_ahead(self) -> None:
        loop = asyncio.get_running_loop()
        rows = self._block_rows if self._allowed is None else min(self._block_rows, self._allowed)
        if rows <= 0 or self._ended:
            self._ahead = loop.create_future()
            self._ahead.set_result(None)
        elif self._executor is not None:
            self._ahead = loop.run_in_executor(self._executor, self._read, rows)
        else:
            self._ahead = asyncio.ensure_future(self._read_here(rows))

    def _read(self, rows: int) -> Block | None:
        block = self._source.read(rows, BLOCK_BYTES, self._skip)
        assert not isinstance(block, Awaitable), "a source that awaits is not read in a thread"
        return block

    async def _read_here(self, rows: int) -> Block | None:
        block = self._source.read(rows, BLOCK_BYTES, self._skip)
        return await block if isinstance(block, Awaitable) else block

    async def close(self) -> None:
        """Stop reading."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
