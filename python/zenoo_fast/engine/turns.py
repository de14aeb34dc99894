"""Chunks that name the same record go one after the other, in the order of the input: of its rows the last one wins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager

Names = AbstractSet[object]


class Turns:
    """The chunks of a run that are out."""

    def __init__(self) -> None:
        self._out: dict[asyncio.Event, Names] = {}

    @asynccontextmanager
    async def turn(self, names: Names) -> AsyncIterator[None]:
        """A chunk's turn: it comes when no earlier chunk that shares a record with it is out.

        Args:
            names: What names its records: external ids or database ids.
        """
        earlier = [ended for ended, others in self._out.items() if not names.isdisjoint(others)]
        ended = asyncio.Event()
        self._out[ended] = names
        try:
            for one in earlier:
                await one.wait()
            yield
        finally:
            del self._out[ended]
            ended.set()
