"""Rows that write to the same related record go one call after the other, not at the same time.

Odoo locks a contact's company while the contact is made: calls that run at once and share a company would wait for each
other, and some would fail with a serialization error and have to be sent again.
"""

from __future__ import annotations

import asyncio
from collections import deque

from zenoo_fast._core import Chunk
from zenoo_fast.engine.feed import Feed

LANES = 16
"""A call at once has a lane of its own, so this many at most; each lane needs records enough for a call read ahead."""


class _Queue:
    """Records that wait for their turn, in the order of the input."""

    def __init__(self) -> None:
        self._parts: deque[Chunk] = deque()
        self.rows = 0

    def add(self, part: Chunk) -> None:
        """Behind the others."""
        self._parts.append(part)
        self.rows += len(part)

    def take(self, max_rows: int, max_bytes: int) -> Chunk:
        """The first records, as one chunk; there must be some."""
        taken: list[Chunk] = []
        rows = size = 0
        while self._parts and rows < max_rows and (not taken or size < max_bytes):
            part = self._parts[0]
            if taken and part.fields != taken[0].fields:
                break
            count = part.fitting(0, max_rows - rows, max(1, max_bytes - size))
            piece = part if count == len(part) else part.slice(0, count)
            if taken and size + piece.nbytes > max_bytes:
                break
            self._parts.popleft()
            if count < len(part):
                self._parts.appendleft(part.slice(count, len(part)))
            taken.append(piece)
            rows, size = rows + count, size + piece.nbytes
        self.rows -= rows
        return taken[0] if len(taken) == 1 else Chunk.joined(taken)

    def clear(self) -> list[Chunk]:
        """All there is."""
        parts = list(self._parts)
        self._parts.clear()
        self.rows = 0
        return parts


class Lanes:
    """Chunks of a feed by lane: of each lane one chunk is out at a time.

    Args:
        feed: Where chunks come from.
        field: Relation whose value chooses the lane.
    """

    def __init__(self, feed: Feed, field: str) -> None:
        self._feed = feed
        self._field = field
        self._lanes = [_Queue() for _ in range(LANES)]
        self._free = _Queue()
        self._busy: dict[int, int] = {}
        self._ended = False
        self._moved = asyncio.Event()

    async def next(self, max_rows: int, max_bytes: int) -> Chunk | None:
        """A chunk that shares no lane with any other chunk that is out; ``None`` at the end.

        Raises:
            OSError: The input cannot be read any further.
            ValueError: Likewise: its text is broken.
        """
        while True:
            lane = self._fullest()
            # Calls are as large as they may be, unless that takes more reading ahead than there is place for.
            if lane.rows < max_rows and not self._ended and self._waiting() < 2 * LANES * max_rows:
                chunk = await self._feed.next(max_rows * LANES, max_bytes * LANES)
                if chunk is None:
                    self._ended = True
                else:
                    self._sort(chunk)
            elif lane.rows:
                return self._take(lane, max_rows, max_bytes)
            elif self._waiting():
                self._moved.clear()
                await self._moved.wait()
            else:
                return None

    def done(self, chunk: Chunk) -> None:
        """The chunk has come to its end: its lane is free."""
        if self._busy.pop(id(chunk), None) is not None:
            self._moved.set()

    def left(self) -> list[Chunk]:
        """Chunks that were taken from the feed and did not leave."""
        return [part for queue in (*self._lanes, self._free) for part in queue.clear()]

    def _waiting(self) -> int:
        return self._free.rows + sum(lane.rows for lane in self._lanes)

    def _fullest(self) -> _Queue:
        """Of those that may go: it would be the last to end."""
        busy = set(self._busy.values())
        ready = [lane for number, lane in enumerate(self._lanes) if number not in busy]
        return max((self._free, *ready), key=lambda one: one.rows)

    def _take(self, lane: _Queue, max_rows: int, max_bytes: int) -> Chunk:
        chunk = lane.take(max_rows, max_bytes)
        if lane is not self._free:
            self._busy[id(chunk)] = self._lanes.index(lane)
        return chunk

    def _sort(self, chunk: Chunk) -> None:
        """Into lanes by the related record; rows without one may go at any time."""
        for number, part in chunk.lanes(self._field, LANES):
            (self._free if number is None else self._lanes[number]).add(part)
