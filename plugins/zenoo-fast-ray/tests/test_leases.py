"""The cluster's limit, on a clock of the tests' own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zenoo_fast_ray.leases import Leases, Made

GOOD = Made("committed", "none", 0.5, 100)
BUSY = Made("refused", "retry", 0.5, 100)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def taken(leases: Leases, owner: str) -> int:
    lease = await leases.acquire(owner, 5)
    assert lease is not None
    return lease


async def test_places_are_lent_in_the_order_of_asking() -> None:
    leases, order = Leases(2, 30), []

    async def ask(owner: str) -> int:
        lease = await taken(leases, owner)
        order.append(owner)
        return lease

    asked = [asyncio.create_task(ask(f"{number}")) for number in range(5)]
    await settle()
    assert order == ["0", "1"]
    leases.release(asked[1].result())
    late = asyncio.create_task(ask("late"))
    await settle()
    assert order == ["0", "1", "2"]
    for one in (0, 2, 3):
        leases.release(asked[one].result())
        await settle()
    assert order == ["0", "1", "2", "3", "4", "late"]
    leases.release(asked[4].result())
    leases.release(late.result())
    assert (leases.lent, leases.most) == (0, 2)


async def test_what_a_silent_owner_holds_is_lent_again() -> None:
    clock = Clock()
    leases = Leases(2, 30, clock)
    dead, alive = await taken(leases, "dead"), await taken(leases, "alive")
    waiting = asyncio.create_task(taken(leases, "next"))
    for _ in range(3):
        clock.now += 10
        assert leases.renew("alive", [alive]) == []
        leases.renew("next", [])
        leases.expire()
        await settle()
        assert not waiting.done()
    clock.now += 1
    leases.expire()
    await settle()
    assert waiting.done()
    assert (leases.lent, leases.most, leases.lapsed) == (2, 2, 1)
    # It was not dead after all: it hears of it, and gives nothing back twice.
    assert leases.renew("dead", [dead]) == [dead]
    leases.release(dead)
    assert leases.lent == 2
    assert await leases.acquire("dead", 0.01) is None


async def test_whoever_waits_notices_the_silence() -> None:
    """No sign of life comes, and no place is given back: nothing else would make anybody look."""
    leases = Leases(1, 0.2)
    await taken(leases, "dead")
    while await leases.acquire("next", leases.seconds / 3) is None:
        pass
    assert leases.lapsed == 1


async def test_no_place_is_lost_to_the_dead_and_the_impatient() -> None:
    clock = Clock()
    leases = Leases(1, 30, clock)
    held = await taken(leases, "holder")
    dead = asyncio.create_task(leases.acquire("dead", 100))
    cancelled = asyncio.create_task(leases.acquire("cancelled", 100))
    assert await leases.acquire("impatient", 0.01) is None
    last = asyncio.create_task(taken(leases, "last"))
    await settle()
    cancelled.cancel()
    await settle()
    clock.now += 31
    leases.renew("holder", [held])
    leases.renew("last", [])
    leases.release(held)
    await settle()
    assert await dead is None
    assert last.done()
    leases.leave("last")
    assert leases.lent == 0


async def test_a_place_granted_to_one_who_is_cancelled_meanwhile_comes_back() -> None:
    leases = Leases(1, 30)
    held = await taken(leases, "holder")
    waiting = asyncio.create_task(leases.acquire("cancelled", 100))
    await settle()
    leases.release(held)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert leases.lent == 0
    assert await taken(leases, "next")


async def test_the_limit_is_found_out() -> None:
    leases = Leases("auto", 30)
    start = leases.limit
    for _ in range(30):
        held = [await taken(leases, "owner") for _ in range(leases.limit)]
        for lease in held:
            leases.release(lease, [GOOD])
    grown = leases.limit
    assert grown > start
    for _ in range(10):
        leases.release(await taken(leases, "owner"), [BUSY])
    assert leases.limit < grown


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.sampled_from(["ask", "release", "renew", "leave", "wait"]), st.integers(0, 3)), max_size=40),
)
def test_never_more_than_there_are_and_none_is_lost(limit: int, steps: Sequence[tuple[str, int]]) -> None:
    async def body() -> None:
        clock = Clock()
        leases = Leases(limit, 30, clock)
        asked: list[tuple[str, asyncio.Task[int | None]]] = []
        for what, number in steps:
            owner = f"owner {number}"
            if what == "ask":
                asked.append((owner, asyncio.create_task(leases.acquire(owner, 1000))))
            elif what == "release":
                for whose, one in asked:
                    if whose == owner and one.done() and (lease := one.result()) is not None:
                        leases.release(lease)
            elif what == "renew":
                leases.renew(owner, [])
            elif what == "leave":
                leases.leave(owner)
            else:
                clock.now += 20
                leases.expire()
            await settle()
            assert leases.lent <= limit
        clock.now += 31
        leases.expire()
        await settle()
        assert all(one.done() for _, one in asked)
        assert leases.lent == 0
        free = [asyncio.create_task(leases.acquire("last", 1000)) for _ in range(limit)]
        await settle()
        assert all(one.done() and one.result() is not None for one in free)

    asyncio.run(body())
