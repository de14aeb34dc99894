"""Mappings: lists, iterables and asynchronous iterables of them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

from zenoo_fast._core import Block, Layout, RowSet
from zenoo_fast.exceptions import ConfigurationError, SourceError
from zenoo_fast.plugins.held import watched


class Records:
    """Mappings field -> value; never changed. `layout` is set before the first read.

    Args:
        records: A list, an iterable, or an asynchronous iterable; the latter two are taken in bounded pieces.
        name: What it is, where a plugin gave it.

    Raises:
        ConfigurationError: It is none of these.
    """

    threaded = False
    database_ids: frozenset[str] = frozenset()
    columns = None
    delimiter = None
    size = None
    position = 0

    def __init__(
        self, records: Sequence[Any] | Iterable[Any] | AsyncIterable[Any], name: str = "the input, an iterable,"
    ) -> None:
        self.name = name
        self.layout: Layout | None = None
        self.total = len(records) if isinstance(records, list | tuple) else None
        self._iterator: Iterator[Any] | None = None
        self._async: AsyncIterator[Any] | None = None
        if isinstance(records, AsyncIterable):
            self._async = aiter(records)
        elif isinstance(records, str | bytes | dict) or not isinstance(records, Iterable):
            raise ConfigurationError(f"a source is a path or an iterable of mappings, not a {type(records).__name__}")
        elif not isinstance(records, list | tuple):
            self._iterator = iter(records)
        self._all: Sequence[Any] = records if isinstance(records, list | tuple) else ()
        self._piece = self._all
        self._at = 0
        self._first_row = 0
        self._peeked = False

    @property
    def repeatable(self) -> bool:
        """It can be read more than once: a list can."""
        return self.total is not None

    def again(self) -> Records:
        """The same list and layout, at the begin."""
        other = Records(self._all)
        other.layout = self.layout
        return other

    def check(self) -> None:
        """Each is checked when it is read."""

    async def first(self) -> Any:
        """The first record, without consuming it; ``None`` where there is none."""
        if not self._piece:
            await self._take(1)
            self._peeked = bool(self._piece)
        return self._piece[0] if self._piece else None

    async def read(self, max_rows: int, max_bytes: int, skip: RowSet | None) -> Block | None:
        """The next block; see `BlockSource.read`."""
        if self.layout is None:
            raise SourceError("the layout has not been made yet")
        if self._peeked:
            # The record that was looked at goes in one call with those behind it.
            self._peeked, peeked = False, self._piece
            await self._take(max_rows - 1)
            self._first_row, self._piece = 0, [*peeked, *self._piece]
        elif self._at >= len(self._piece):
            await self._take(max_rows)
            if not self._piece:
                return None
        block = self.layout.extract(
            self._piece, self._at, first_row=self._first_row, max_rows=max_rows, max_bytes=max_bytes
        )
        self._at += block.read
        return block if skip is None else _Without(block, skip)  # type: ignore[return-value]

    async def _take(self, count: int) -> None:
        """Take the next piece of an iterable."""
        self._first_row += len(self._piece)
        self._at = 0
        self._piece = []
        if self._iterator is not None:
            with watched(self.name):
                self._piece = list(itertools.islice(self._iterator, count))
        elif self._async is not None:
            piece = []
            async for record in self._async:
                piece.append(record)
                if len(piece) >= count:
                    break
            self._piece = piece


class _Without:
    """A block without the rows that an earlier attempt settled."""

    def __init__(self, block: Block, skip: RowSet) -> None:
        self.chunk = block.chunk.without(skip)
        self.rejects = [one for one in block.rejects if one[0] not in skip]
        self.first_row = block.first_row
        self.read = block.read
