"""The journal: what is durable, what it says when it is read again, and which files it refuses."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenoo_fast._core import RowSet
from zenoo_fast.engine.chunks import ValueChunk
from zenoo_fast.engine.journal import Journal, JournalError
from zenoo_fast.engine.journal_file import JournalInUseError, RunFacts, minus
from zenoo_fast.engine.outcome import Reject, RowState, ServerError, Settled
from zenoo_fast.exceptions import ConfigurationError

FACTS = RunFacts("abc", "res.partner", "create", "/data/x.csv", 120, "d1", "http://odoo", "db", mapping={"A": "name"})


def chunk(start: int, stop: int) -> ValueChunk:
    return ValueChunk([{"name": "x"}] * (stop - start), range(start, stop))


def rows_of(start: int, stop: int) -> RowSet:
    return RowSet([(start, stop)])


def failed(reason: str) -> None:
    raise AssertionError(reason)


async def written(path: Path) -> None:
    journal = Journal.create(path, FACTS)
    journal.start(failed)
    await journal.sent(rows_of(0, 10))
    await journal.sent(rows_of(10, 20), known=rows_of(12, 13))
    journal.settled(Settled(chunk(0, 10), RowState.CREATED, list(range(100, 110))))
    journal.settled(Settled(chunk(10, 12), RowState.UNKNOWN, error=ServerError("x", "lost")))
    journal.rejected([Reject(30, "color", "invalid", "no number")], (path.with_suffix(".csv"), 77))
    await journal.sent(rows_of(20, 25))
    reject = Reject(20, None, "server", "bad")
    journal.settled(Settled(chunk(20, 21), RowState.REJECTED, rejects=[reject]))
    await journal.close()


async def test_tells_again_what_it_was_told(tmp_path: Path) -> None:
    await written(tmp_path / "j")
    journal, state = Journal.resume(tmp_path / "j")
    journal.abandon()
    assert state.facts == FACTS
    assert state.done.ranges() == [(0, 10), (20, 21), (30, 31)]
    assert state.in_doubt.ranges() == [(10, 20), (21, 25)]
    assert state.known_before.ranges() == [(12, 13)]
    assert state.counts == {RowState.CREATED: 10, RowState.REJECTED: 2}
    assert list(state.ids) == [(row, 100 + row) for row in range(10)]
    assert [(one.row, one.field, one.message) for one in state.rejects] == [
        (20, None, "bad"),
        (30, "color", "no number"),
    ]
    assert (state.rejects_path, state.rejects_bytes) == (tmp_path / "j.csv", 77)


async def test_sent_is_durable_when_it_returns(tmp_path: Path) -> None:
    """A process that is killed right after `sent` returned leaves a journal that knows of it."""
    code = (
        "import asyncio, os, sys; from zenoo_fast.engine.journal import Journal;"
        "from zenoo_fast._core import RowSet; from zenoo_fast.engine.journal_file import RunFacts\n"
        "async def main():\n"
        "    journal = Journal.create(sys.argv[1], RunFacts('r', 'm', 'create', 's'))\n"
        "    journal.start(print)\n"
        "    await journal.sent(RowSet([(0, 7)]))\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())"
    )
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code, tmp_path / "j"], check=False)
    assert done.returncode == -signal.SIGKILL
    journal, state = Journal.resume(tmp_path / "j")
    journal.abandon()
    assert state.in_doubt.ranges() == [(0, 7)]


async def test_refuses_to_begin_over_another_journal(tmp_path: Path) -> None:
    await written(tmp_path / "j")
    before = (tmp_path / "j").read_bytes()
    with pytest.raises(ConfigurationError, match="--resume continues its run"):
        Journal.create(tmp_path / "j", FACTS)
    assert (tmp_path / "j").read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["j"]


async def test_has_one_writer(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "j", FACTS)
    with pytest.raises(JournalInUseError, match="another run is writing"):
        Journal.resume(tmp_path / "j")
    await journal.close()
    again, _ = Journal.resume(tmp_path / "j")
    again.abandon()


def make_text(path: Path) -> None:
    path.write_text("row,id\n")


def make_other_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()


def make_other_version(path: Path) -> None:
    asyncio.run(written(path))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def make_damaged(path: Path) -> None:
    asyncio.run(written(path))
    data = bytearray(path.read_bytes())
    data[4096:12288] = b"\xff" * 8192
    path.write_bytes(data)


def make_cut(path: Path) -> None:
    asyncio.run(written(path))
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (make_text, "not a journal"),
        (make_other_database, "not a journal"),
        (make_other_version, "a journal of version 99, this zenoo-fast reads 1"),
        (make_damaged, "damaged"),
        (make_cut, "damaged"),
        (lambda _path: None, "there is no such journal"),
    ],
)
def test_refuses_what_is_no_journal(tmp_path: Path, make: object, message: str) -> None:
    make(tmp_path / "j")
    before = (tmp_path / "j").read_bytes() if (tmp_path / "j").exists() else None
    with pytest.raises(ConfigurationError, match=message) as caught:
        Journal.resume(tmp_path / "j")
    assert "\n" not in str(caught.value)
    if before is not None and make is not make_damaged:
        assert (tmp_path / "j").read_bytes() == before


async def test_a_full_disk_stops_the_run_and_keeps_what_was_durable(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "j", FACTS)
    # SQLite's own bound of the file's size answers exactly as a full disk does.
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    reasons: list[str] = []
    journal.start(reasons.append)
    sent = 0
    with pytest.raises(JournalError, match="cannot be written: database or disk is full"):
        while sent < 100_000:
            await journal.sent(RowSet([(row, row + 1) for row in range(sent, sent + 200, 2)]))
            sent += 200
    assert len(reasons) == 1
    with pytest.raises(JournalError):
        await journal.sent(rows_of(1, 2))
    journal.settled(Settled(chunk(0, 1), RowState.CREATED, [1]))
    with pytest.raises(JournalError):
        await journal.close()
    again, state = Journal.resume(tmp_path / "j")
    again.abandon()
    assert len(state.in_doubt) == sent // 2
    assert not state.done


async def test_a_reject_file_that_cannot_be_made_durable_stops_the_run(tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    journal = Journal.create(tmp_path / "j", FACTS)
    reasons: list[str] = []
    journal.start(reasons.append, full)
    journal.rejected([Reject(0, None, "x", "y")])
    with pytest.raises(JournalError, match="No space left"):
        await journal.flush()
    with pytest.raises(JournalError):
        await journal.close()
    assert len(reasons) == 1


async def test_reconciled_rows_count_as_found_or_as_never_sent(tmp_path: Path) -> None:
    from zenoo_fast._core import IdMap

    await written(tmp_path / "j")
    journal, _ = Journal.resume(tmp_path / "j")
    found = IdMap()
    found.put([11, 13], [501, 502])
    journal.reconciled({RowState.CREATED: found}, RowSet([(14, 16), (21, 22)]))
    journal.abandon()
    again, state = Journal.resume(tmp_path / "j")
    again.abandon()
    assert state.in_doubt.ranges() == [(10, 11), (12, 13), (16, 20), (22, 25)]
    assert state.counts[RowState.CREATED] == 12
    assert state.ids[13] == 502


rows = st.sets(st.integers(0, 60))


@given(rows, rows)
def test_minus_is_set_difference(first: set[int], second: set[int]) -> None:
    one, other = RowSet(), RowSet()
    one.add_rows(sorted(first))
    other.add_rows(sorted(second))
    left = {row for start, stop in minus(one, other).ranges() for row in range(start, stop)}
    assert left == first - second
