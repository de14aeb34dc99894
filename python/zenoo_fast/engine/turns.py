"""Chunks that name the same record go one after the other, in the order of the input: of its rows the last one wins."""

from __future__ import annotations

import asyncio
from collections.abc import Set as AbstractSet


class Turn:
    """One chunk's.

    Args:
        names: What names its records: external ids or database ids.
        earlier: Chunks that came before it and share a record with it.
    """

    def __init__(self, names: AbstractSet[object], earlier: list[Turn]) -> None:
        self.names = names
        self._earlier = earlier
        self._ended = asyncio.Event()

    async def come(self) -> None:
        """Wait until the chunks before it have ended."""
        for one in self._earlier:
            await one._ended.wait()  # noqa: SLF001 - of its own class
        self._earlier = []

    def end(self) -> None:
        """The chunk has come to its end."""
        self._ended.set()


class Turns:
    """The chunks of a run that are out."""

    def __init__(self) -> None:
        self._out: dict[int, Turn] = {}

    def enter(self, names: AbstractSet[object]) -> Turn:
        """The turn of the next chunk of the input."""
        turn = Turn(names, [one for one in self._out.values() if not names.isdisjoint(one.names)])
        self._out[id(turn)] = turn
        return turn

    def leave(self, turn: Turn) -> None:
        """The chunk has come to its end."""
        del self._out[id(turn)]
        turn.end()
