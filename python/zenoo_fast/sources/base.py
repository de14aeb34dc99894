"""What every opened source is."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from zenoo_fast._core import Block, Layout, RowSet


class Source(Protocol):
    """Records, one block after the other. `layout` is set before the first read.

    Attributes:
        layout: How a record becomes a row.
        total: Number of records, where it is known.
        threaded: Reads make no Python object per record: they are done in a thread, which other work does not wait for.
        database_ids: Columns whose values are numbers: a relation's are database ids, not names.
    """

    layout: Layout | None
    total: int | None
    threaded: bool
    database_ids: frozenset[str]

    @property
    def columns(self) -> list[str] | None:
        """Column names, in order; ``None`` for mappings, which name their own."""

    @property
    def delimiter(self) -> str | None:
        """Between the cells of a CSV file; ``None`` for others."""

    @property
    def size(self) -> int | None:
        """Bytes, where that is known."""

    @property
    def position(self) -> int:
        """Bytes read so far, 0 where that means nothing."""

    @property
    def repeatable(self) -> bool:
        """It can be read more than once."""

    def again(self) -> Source:
        """The same input and layout, at the begin; only where it is `repeatable`."""

    def check(self) -> None:
        """Read what can be read twice through once, so that what cannot be read is told before anything is sent.

        May take its time: called in a thread.

        Raises:
            ConfigurationError: It cannot be read; the place is named.
        """

    async def first(self) -> Mapping[str, Any] | None:
        """The first record, without consuming it, where there are no `columns`; ``None`` where there is none."""

    def read(self, max_rows: int, max_bytes: int, skip: RowSet | None) -> Block | Awaitable[Block | None] | None:
        """The next block; see `zenoo_fast.engine.feed.BlockSource.read`."""
