"""Chunks are handed out once the journal knows of them, each once and in order, and none gets lost on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from zenoo_fast._core import Chunk, Layout, RowSet
from zenoo_fast.engine.announced import Announced
from zenoo_fast.engine.feed import Feed
from zenoo_fast.engine.journal import Journal, JournalError
from zenoo_fast.engine.journal_file import RunFacts
from zenoo_fast.sources.records import Records

FACTS = RunFacts("abc", "res.partner", "create", "rows", 1, "d")
CHUNK = 10


class Watched(Journal):
    """Notes what is durable, and how many chunks each time."""

    durable: RowSet
    groups: list[int]

    async def sent(self, rows: RowSet, known: RowSet | None = None) -> None:
        await super().sent(rows, known)
        for start, stop in rows.ranges():
            self.durable.add(start, stop)
        self.groups.append(len(rows) // CHUNK)


class Line:
    """A feed of so many rows, announced to a journal of its own."""

    def __init__(self, folder: Path, count: int) -> None:
        self.read = 0
        source = Records([{"name": str(one)} for one in range(count)])
        source.layout = Layout()
        self.feed = Feed(source, self._tell, threaded=False)
        self.journal = Watched.create(folder / "j", FACTS)
        self.journal.durable, self.journal.groups = RowSet(), []
        self.failure = ""
        self.journal.start(self._failed)
        self.announced = Announced(self.feed, self.journal, lambda: CHUNK, 1 << 20)

    def _tell(self, read: int, _rejects: object) -> None:
        self.read += read

    def _failed(self, reason: str) -> None:
        self.failure = reason

    async def close(self) -> None:
        await self.feed.close()
        await self.journal.close()


def numbers(chunks: list[Chunk]) -> list[int]:
    return [row for chunk in chunks for row in chunk.rows()]


async def test_every_chunk_is_durable_before_it_is_handed_out(tmp_path: Path) -> None:
    line = Line(tmp_path, 20_000)
    taken: list[Chunk] = []
    while (chunk := await line.announced.next()) is not None:
        assert all(row in line.journal.durable for row in (chunk.row(0), chunk.row(len(chunk) - 1)))
        taken.append(chunk)
    await line.close()
    assert numbers(taken) == list(range(20_000))
    assert await line.announced.next() is None
    assert max(line.journal.groups) > 4  # nobody waited between them, so they were announced together


async def test_who_waits_for_chunks_and_who_takes_them_as_they_are_get_each_once(tmp_path: Path) -> None:
    line = Line(tmp_path, 20_000)
    waited: list[Chunk] = []
    at_hand: list[Chunk] = []

    async def take() -> None:
        while True:
            chunk = line.announced.next_at_hand()
            if chunk is not None:
                assert chunk.row(0) in line.journal.durable
                at_hand.append(chunk)
            await asyncio.sleep(0)

    takers = [asyncio.create_task(take()) for _ in range(2)]
    while (chunk := await line.announced.next()) is not None:
        waited.append(chunk)
    for taker in takers:
        taker.cancel()
    await asyncio.gather(*takers, return_exceptions=True)
    await line.close()
    assert waited
    assert at_hand
    assert sorted(numbers(waited + at_hand)) == list(range(20_000))


async def test_where_calls_are_slow_one_at_a_time_is_announced(tmp_path: Path) -> None:
    line = Line(tmp_path, 1_000)
    for _ in range(5):  # the first calls at once leave together
        assert await line.announced.next() is not None
    for number in range(6, 9):
        assert await line.announced.next() is not None
        await asyncio.sleep(0.05)
        assert line.journal.groups == [1] * number
        assert line.read == number * CHUNK
    await line.close()


@pytest.mark.parametrize("taken", [1, 2, 3, 7, 30, 200])
async def test_what_was_read_and_not_handed_out_is_left(tmp_path: Path, taken: int) -> None:
    line = Line(tmp_path, 20_000)
    chunks = [await line.announced.next() for _ in range(taken)]
    out = numbers([one for one in chunks if one is not None])
    left = numbers(line.announced.left())
    await line.close()
    assert out + left == list(range(line.read))
    assert line.announced.left() == []


async def test_a_journal_that_cannot_be_written_hands_out_nothing_more(tmp_path: Path) -> None:
    line = Line(tmp_path, 20_000)
    taken = []
    for _ in range(3):
        chunk = await line.announced.next()
        assert chunk is not None
        taken.append(chunk)
    line.journal._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(JournalError, match="cannot be written"):
        while (chunk := await line.announced.next()) is not None:
            taken.append(chunk)
    with pytest.raises(JournalError):
        await line.announced.next()
    assert numbers(taken + line.announced.left()) == list(range(line.read))
    assert "cannot be written" in line.failure
    await line.feed.close()
    with pytest.raises(JournalError):
        await line.journal.close()
