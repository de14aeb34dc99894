"""Limiter, chunk sizes, breaker, delays and the budget, on clocks of the tests' own."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import Clock, unreachable

from zenoo_fast.engine.breaker import Breaker
from zenoo_fast.engine.limiter import (
    AUTO_CHUNK_MAXIMUM,
    AUTO_CHUNK_MINIMUM,
    AUTO_CONCURRENCY_START,
    ChunkSizer,
    Limiter,
)
from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind
from zenoo_fast.engine.retry import Backoff, RetryBudget

BUSY = Outcome(OutcomeKind.REFUSED, action=Action.RETRY, seconds=1.0)
REFUSED = Outcome(OutcomeKind.REFUSED, action=Action.FIND_ROWS, seconds=1.0)


def answered(seconds: float) -> Outcome:
    return Outcome(OutcomeKind.COMMITTED, result=[], seconds=seconds)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


# ---- limiter --------------------------------------------------------------------------------------------------------


async def test_no_more_places_are_given_than_there_are() -> None:
    limiter = Limiter(2)
    waiting = [asyncio.create_task(limiter.acquire()) for _ in range(5)]
    await settle()
    assert [one.done() for one in waiting] == [True, True, False, False, False]
    limiter.release()
    await settle()
    assert (sum(one.done() for one in waiting), limiter.in_flight) == (3, 2)
    for _ in range(3):
        limiter.release()
        await settle()
    assert all(one.done() for one in waiting)
    assert limiter.in_flight == 1


async def test_a_place_is_passed_on_unless_others_wait_or_there_are_too_many() -> None:
    limiter = Limiter(2)
    await limiter.acquire()
    await limiter.acquire()
    assert limiter.pass_on()
    waiting = [asyncio.create_task(limiter.acquire())]
    await settle()
    assert limiter.pass_on()  # to what comes next, which that one would read
    waiting.append(asyncio.create_task(limiter.acquire()))
    await settle()
    assert not limiter.pass_on()
    limiter.release()
    limiter.release()
    await asyncio.gather(*waiting)
    shrinking = Limiter()
    while shrinking.try_acquire():
        pass
    shrinking.observe(BUSY, 0)
    assert shrinking.limit < shrinking.in_flight
    assert not shrinking.pass_on()
    shrinking.release()
    assert shrinking.pass_on()


async def test_a_place_is_taken_at_once_or_not_at_all() -> None:
    limiter = Limiter(1)
    assert limiter.try_acquire()
    assert not limiter.try_acquire()
    waiting = asyncio.create_task(limiter.acquire())
    await settle()
    limiter.release()
    await settle()
    assert waiting.done()
    assert not limiter.try_acquire()


async def test_one_who_gives_up_waiting_takes_no_place() -> None:
    limiter = Limiter(1)
    await limiter.acquire()
    given_up, next_one = (asyncio.create_task(limiter.acquire()) for _ in range(2))
    await settle()
    given_up.cancel()
    await settle()
    limiter.release()
    await settle()
    assert next_one.done()
    assert limiter.in_flight == 1


async def test_one_who_gives_up_at_the_very_turn_loses_nobody_a_place() -> None:
    limiter = Limiter(1)
    await limiter.acquire()
    given_up, next_one = (asyncio.create_task(limiter.acquire()) for _ in range(2))
    await settle()
    limiter.release()
    given_up.cancel()
    await asyncio.wait_for(next_one, 1)
    assert limiter.in_flight == 1


def throughput(limiter: Limiter, per_record: float, rounds: int, scales_to: int) -> int:
    """A server that does `scales_to` calls at once; more only wait.

    Returns:
        The limit that most calls of the later half had: now and then a higher one is tried.
    """
    seen: Counter[int] = Counter()
    for number in range(rounds):
        limit = limiter.limit
        seen[limit] += number >= rounds // 2
        limiter._round_full = True
        wait = max(1.0, limit / scales_to)
        limiter.observe(answered(100 * per_record * wait), 100)
    return seen.most_common(1)[0][0]


@pytest.mark.parametrize("scales_to", [2, 4, 8])
async def test_finds_out_how_many_calls_the_server_does_at_once(scales_to: int) -> None:
    found = throughput(Limiter("auto"), 0.001, 2000, scales_to)
    assert scales_to <= found <= scales_to + 1


@pytest.mark.parametrize("scales_to", [16, 40, 64])
async def test_large_servers_are_used_too(scales_to: int) -> None:
    found = throughput(Limiter("auto"), 0.001, 6000, scales_to)
    assert 0.75 * scales_to <= found <= 1.3 * scales_to


async def test_a_server_that_has_less_to_do_later_is_tried_again() -> None:
    limiter = Limiter("auto")
    assert throughput(limiter, 0.001, 300, 2) <= 3
    assert throughput(limiter, 0.001, 1000, 8) >= 8
    assert throughput(limiter, 0.001, 3000, 3) >= 3


async def test_grows_only_while_its_limit_is_reached() -> None:
    limiter = Limiter("auto")
    for _ in range(500):
        limiter.observe(answered(0.1), 100)
    assert limiter.limit == AUTO_CONCURRENCY_START


async def test_shrinks_by_a_tenth_with_trouble_and_never_below_one() -> None:
    limiter = Limiter("auto")
    throughput(limiter, 0.001, 2000, 16)
    before = limiter.limit
    limiter.observe(BUSY, 100)
    assert limiter.limit < before
    for _ in range(200):
        limiter.observe(BUSY, 100)
    assert limiter.limit == 1


async def test_a_fixed_limit_stays() -> None:
    limiter = Limiter(7)
    for _ in range(100):
        limiter.observe(BUSY, 100)
    assert throughput(limiter, 0.001, 100, 1) == 7


# ---- chunk sizes ----------------------------------------------------------------------------------------------------


def test_a_chunk_grows_while_calls_are_short_and_shrinks_when_they_are_long() -> None:
    sizer = ChunkSizer()
    for _ in range(100):
        sizer.observe(answered(0.0001 * sizer.size), sizer.size)
    assert sizer.size == AUTO_CHUNK_MAXIMUM
    for _ in range(100):
        sizer.observe(answered(0.01 * sizer.size), sizer.size)
    assert sizer.size == pytest.approx(400, rel=0.1)
    for _ in range(100):
        sizer.observe(answered(10.0), sizer.size)
    assert sizer.size == AUTO_CHUNK_MINIMUM


def test_chunks_are_halved_while_they_hold_records_that_are_refused() -> None:
    sizer = ChunkSizer()
    sizer.refused(500)
    assert sizer.size == 250
    for _ in range(20):
        sizer.refused(sizer.size)
    assert sizer.size == AUTO_CHUNK_MINIMUM


def test_the_calls_that_find_a_bad_record_do_not_make_chunks_smaller_yet() -> None:
    sizer = ChunkSizer()
    for records in (500, 250, 125, 63, 32, 16):
        sizer.observe(REFUSED, records)
    assert sizer.size == 500


@given(st.lists(st.tuples(st.sampled_from([BUSY, REFUSED, answered(0.01), answered(30)]), st.integers(1, 3000))))
def test_a_fixed_size_stays_and_an_automatic_one_keeps_its_bounds(calls: list[tuple[Outcome, int]]) -> None:
    fixed, auto = ChunkSizer(123), ChunkSizer()
    for outcome, records in calls:
        fixed.observe(outcome, records)
        auto.observe(outcome, records)
        if outcome is REFUSED:
            fixed.refused(records)
            auto.refused(records)
        assert AUTO_CHUNK_MINIMUM <= auto.size <= AUTO_CHUNK_MAXIMUM
    assert fixed.size == 123


# ---- breaker --------------------------------------------------------------------------------------------------------


async def test_opens_after_failures_in_a_row_and_closes_with_the_first_answer() -> None:
    clock, notes = Clock(), []
    breaker = Breaker(threshold=3, clock=clock, sleep=clock.sleep, on_change=notes.append)
    for outcome in (unreachable(), unreachable(), answered(1), unreachable(), unreachable()):
        breaker.record(outcome)
    assert not breaker.paused
    breaker.record(unreachable())
    assert breaker.paused
    assert notes == ["waiting for the server: cannot be reached"]
    clock.now += 42
    assert breaker.away_seconds == 42
    breaker.record(REFUSED)
    assert (breaker.paused, breaker.away_seconds, notes[-1]) == (False, 0.0, "")


async def test_lets_one_probe_through_and_waits_longer_from_probe_to_probe() -> None:
    clock = Clock()
    breaker = Breaker(threshold=1, base=1.0, cap=15.0, clock=clock, sleep=clock.sleep)
    breaker.record(unreachable())
    waits = []
    for _ in range(7):
        before = clock.now
        await breaker.wait()
        waits.append(round(clock.now - before, 6))
        other = asyncio.create_task(breaker.wait())
        await asyncio.sleep(0)
        assert not other.done(), "two probes at once"
        other.cancel()
        breaker.record(unreachable())
        clock.now = before + waits[-1]
    assert waits == pytest.approx([1, 2, 4, 8, 15, 15, 15], abs=0.2)


async def test_a_probe_that_is_cancelled_leaves_the_turn_to_another() -> None:
    clock = Clock()
    breaker = Breaker(threshold=1, clock=clock, sleep=clock.sleep)
    breaker.record(unreachable())
    await breaker.wait()
    breaker.abandon()
    await asyncio.wait_for(breaker.wait(), 1)


async def test_probes_no_sooner_than_the_server_asked() -> None:
    clock = Clock()
    breaker = Breaker(threshold=1, clock=clock, sleep=clock.sleep)
    breaker.record(unreachable(retry_after=90.0))
    await breaker.wait()
    assert clock.now >= 90


# ---- delays and the budget ------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.none() | st.floats(0, 5000))
def test_delays_keep_their_bounds(attempt: int, retry_after: float | None) -> None:
    low = Backoff(0.5, 30.0, lambda low, _high: low).delay(attempt, retry_after)
    high = Backoff(0.5, 30.0, lambda _low, high: high).delay(attempt, retry_after)
    asked = retry_after or 0.0
    assert low == asked
    assert high == max(asked, min(30.0, 0.5 * 2.0 ** min(attempt, 60)))


@given(st.lists(st.booleans(), max_size=300))
def test_a_budget_gives_its_floor_and_its_share(calls: list[bool]) -> None:
    budget, taken = RetryBudget(ratio=0.1, floor=3), 0
    for called in calls:
        if called:
            budget.called()
        else:
            taken += budget.take()
        assert taken <= 3 + 0.1 * budget.calls + 1
    while budget.take():
        taken += 1
    assert taken >= 3
