"""Chunks that the journal knows to be about to leave."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from zenoo_fast._core import Chunk, RowSet
from zenoo_fast.engine.feed import Feed
from zenoo_fast.engine.journal import Journal
from zenoo_fast.engine.tally import add_rows

_SECONDS = 0.02
"""As many chunks are announced together as leave in this time, …"""
_MOST = 16
"""… and the next one."""
_WINDOW = 8
"""Chunks that the rate goes by: the few that leave at once when a run begins are no rate."""


class Announced:
    """Chunks of a feed, each handed out once it is durable that it is about to leave.

    A server that takes hundreds of calls a second would have each wait for the disk. There, chunks are announced
    together, as many as leave in a few milliseconds, and the next ones while these are leaving. Where calls take as
    long as Odoo's it is one at a time, so that a run that is killed leaves no more in doubt than was under way.

    Args:
        feed: Where chunks come from.
        journal: What they are announced to.
        rows: Rows of the next chunk.
        max_bytes: Its size at most.
    """

    def __init__(self, feed: Feed, journal: Journal, rows: Callable[[], int], max_bytes: int) -> None:
        self._feed = feed
        self._journal = journal
        self._rows = rows
        self._max_bytes = max_bytes
        self._ready: deque[Chunk] = deque()
        self._coming: deque[Chunk] = deque()
        """Not durable yet: they are among those that have not left."""
        self._announcing: asyncio.Task[None] | None = None
        self._ended = False
        self._handed_out: deque[float] = deque(maxlen=_WINDOW)
        """When the last chunks were."""

    async def next(self) -> Chunk | None:
        """The next chunk; ``None`` at the end.

        Raises:
            JournalError: The journal cannot be written.
            OSError: The input cannot be read any further.
            ValueError: Likewise: its text is broken.
        """
        self._look_ahead()
        while not self._ready:
            if self._announcing is None:
                return None
            await self._announcing
            if not self._ready:  # others have had them
                self._look_ahead()
        return self._hand_out()

    def next_at_hand(self) -> Chunk | None:
        """The next chunk where nothing has to be waited for, else ``None``."""
        if not self._ready:
            return None
        self._look_ahead()
        return self._hand_out()

    def _look_ahead(self) -> None:
        if self._announcing is None and not self._ended:
            together = self._together()
            if together > 1 or not self._ready:
                self._begin(together)

    def _hand_out(self) -> Chunk:
        self._handed_out.append(time.perf_counter())
        return self._ready.popleft()

    def left(self) -> list[Chunk]:
        """Chunks that were taken from the feed and did not leave."""
        if self._announcing is not None:
            self._announcing.cancel()
        chunks = [*self._ready, *self._coming]
        self._ready.clear()
        self._coming.clear()
        return chunks

    def _together(self) -> int:
        """Chunks to announce together: those that leave in a few milliseconds, going by the last ones."""
        if len(self._handed_out) < _WINDOW:
            return 1
        rate = _WINDOW / max(time.perf_counter() - self._handed_out[0], 1e-6)
        return 1 + int(min(_MOST, _SECONDS * rate))

    def _begin(self, together: int) -> None:
        self._announcing = asyncio.create_task(self._announce(together))
        # Where the run ends first nobody asks how it ended.
        self._announcing.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _announce(self, together: int) -> None:
        rows = RowSet()
        chunk = await self._feed.next(self._rows(), self._max_bytes)
        self._ended = chunk is None
        while chunk is not None:
            add_rows(rows, chunk)
            self._coming.append(chunk)
            # Only what is at hand: rows before a place that cannot be read do not wait for it.
            at_hand = len(self._coming) < together
            chunk = self._feed.next_at_hand(self._rows(), self._max_bytes) if at_hand else None
        if rows:
            await self._journal.sent(rows)
        self._ready.extend(self._coming)
        self._coming.clear()
        self._announcing = None
