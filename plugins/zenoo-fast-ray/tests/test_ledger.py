"""Of all attempts at a block one may send; what it came to is told twice rather than done twice."""

from __future__ import annotations

import pytest

from zenoo_fast_ray.ledger import CHANGED, TAKEN_OVER, Ledger
from zenoo_fast_ray.result import BlockResult


def result(task: int, created: int = 10, **others: object) -> BlockResult:
    return BlockResult(task, created, read=created, created=created, **others)  # type: ignore[arg-type]


def test_blocks_of_equal_rows_are_told_apart() -> None:
    ledger = Ledger(repeatable=False)
    keys = [ledger.begin(task, "aa", 10, f"a{task}").key for task in range(3)]
    assert len(set(keys)) == 3
    assert ledger.begin(1, "aa", 10, "again").key == keys[1]


@pytest.mark.parametrize("repeatable", [False, True])
def test_a_block_that_has_ended_is_not_written_again(repeatable: bool) -> None:
    ledger = Ledger(repeatable=repeatable)
    ledger.begin(0, "aa", 10, "first")
    assert ledger.sending(0, "first") == ""
    ledger.finish(0, "first", result(0))
    begun = ledger.begin(0, "aa", 10, "second")
    assert begun.result == result(0)
    [entry] = ledger.entries()
    assert (entry.result, entry.running, entry.attempts) == (result(0), False, 1)


def test_an_attempt_that_was_taken_over_sends_nothing_and_counts_for_nothing() -> None:
    ledger = Ledger(repeatable=True)
    ledger.begin(0, "aa", 10, "first")
    begun = ledger.begin(0, "aa", 10, "second")
    assert (begun.again, begun.attempts) == (False, 2)
    assert ledger.sending(0, "first") == TAKEN_OVER
    assert ledger.sending(0, "second") == ""
    ledger.put_rejects(0, "first", b"lost")
    ledger.put_rejects(0, "second", b"kept")
    ledger.finish(0, "first", result(0, 3, stopped=TAKEN_OVER))
    ledger.leave(0, "first")
    [entry] = ledger.entries()
    assert (entry.result, entry.running, ledger.stopped) == (None, True, "")
    ledger.finish(0, "second", result(0))
    assert [ledger.rejects(0, 0), ledger.rejects(0, 1)] == [b"kept", None]
    assert ledger.entries()[0].result == result(0)
    ledger.close()


def test_rejects_of_an_attempt_that_was_cut_off_are_not_kept() -> None:
    ledger = Ledger(repeatable=True)
    ledger.begin(0, "aa", 10, "first")
    ledger.put_rejects(0, "first", b"one")
    ledger.begin(0, "aa", 10, "second")
    ledger.begin(1, "bb", 10, "other")
    ledger.put_rejects(1, "other", b"two")
    ledger.put_rejects(0, "second", b"one")
    ledger.put_rejects(0, "second", b"three")
    assert [ledger.rejects(0, 0), ledger.rejects(0, 1), ledger.rejects(0, 2)] == [b"one", b"three", None]
    assert [ledger.rejects(1, 0), ledger.rejects(1, 1), ledger.rejects(7, 0)] == [b"two", None, None]
    ledger.close()


@pytest.mark.parametrize("repeatable", [False, True])
def test_other_rows_the_second_time_are_sent_only_where_they_may(repeatable: bool) -> None:
    ledger = Ledger(repeatable=repeatable)
    first = ledger.begin(0, "aa", 10, "first")
    unsent = ledger.begin(0, "bb", 12, "second")
    assert (unsent.again, unsent.refused) == (False, "")
    assert unsent.key != first.key
    ledger.sending(0, "second")
    sent = ledger.begin(0, "cc", 14, "third")
    assert sent.again
    assert sent.refused == ("" if repeatable else CHANGED)
    ledger.finish(0, "third", result(0, 14))
    ended = ledger.begin(0, "dd", 16, "fourth")
    assert (ended.result is None) == repeatable


def test_a_block_that_was_stopped_stops_all() -> None:
    ledger = Ledger(repeatable=False)
    ledger.begin(0, "aa", 10, "first")
    ledger.begin(1, "bb", 10, "other")
    ledger.finish(0, "first", result(0, stopped="wrong key"))
    assert ledger.sending(1, "other") == "wrong key"
    assert not ledger.entries()[1].sent
    assert ledger.begin(2, "cc", 10, "late").stopped == "wrong key"


def test_whether_the_server_was_ever_reached_is_known() -> None:
    ledger = Ledger(repeatable=True)
    assert not ledger.begin(0, "aa", 10, "first").reached
    assert not ledger.begin(1, "bb", 10, "other").reached
    ledger.sending(0, "first")
    assert ledger.begin(2, "cc", 10, "late").reached
