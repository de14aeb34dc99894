"""How many calls at once, and how many records a call: fixed, or found out while the run goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind

AUTO_CONCURRENCY_START = 3
AUTO_CONCURRENCY_MAXIMUM = 64
"""A bound for mistakes: the limit stops growing where more calls at once bring nothing."""
AUTO_CHUNK_START = 500
AUTO_CHUNK_MINIMUM = 50
AUTO_CHUNK_MAXIMUM = 2000
_SHORT_SECONDS = 2.0
"""An automatic call that is answered sooner may grow: to twice its size, and so to no more than …"""
_LONG_SECONDS = 4.0
"""… this, above which it shrinks."""
_LONG_LOOK_UP_SECONDS = 2.0
_LEAST_SHARE = 100
"""Records that are not worth sharing out."""
_FORGET_ROUNDS = 16
"""After so many rounds a higher limit is tried again: the server may have less to do by now."""


def _worth(limit: int, lower: int) -> float:
    """By how much the throughput has to grow from one limit to the next: a third of what the calls do, 3 % at least."""
    return 1.03 if limit - lower == 1 else 1 + (limit - lower) / lower / 3


class Limiter:
    """Bounds the chunks in flight; with ``"auto"`` by additive increase and multiplicative decrease.

    The limit grows by one a round of calls (by a quarter from 8 on) while it is reached and that brings something; it
    shrinks by a tenth on transient refusals and on failures to get through.

    Args:
        limit: Chunks at once, or ``"auto"``.
        maximum: Bound of ``"auto"``.
    """

    spare = True
    """Whoever gives up waiting for a place costs nothing, so one may be waited for that is not needed in the end."""

    def __init__(self, limit: int | Literal["auto"] = "auto", maximum: int = AUTO_CONCURRENCY_MAXIMUM) -> None:
        self.auto = limit == "auto"
        self.maximum = maximum if limit == "auto" else limit
        self._limit = float(min(AUTO_CONCURRENCY_START, maximum) if limit == "auto" else limit)
        self.in_flight = 0
        self._waiters: list[asyncio.Future[None]] = []
        self._round_calls = 0
        self._round_records = 0
        self._round_seconds = 0.0
        self._round_full = False
        self._best: dict[int, float] = {}
        self._seen: dict[int, int] = {}
        self._rounds = 0
        self._lower: int | None = None

    @property
    def limit(self) -> int:
        """Chunks at once, now."""
        return max(1, int(self._limit))

    def try_acquire(self) -> bool:
        """Take a place where there is one."""
        limit = self.limit
        if self.in_flight >= limit:
            return False
        self.in_flight += 1
        self._round_full = self._round_full or self.in_flight >= limit
        return True

    async def acquire(self, on_wait: Callable[[asyncio.Future[None]], None] | None = None) -> None:
        """Wait for a place.

        Args:
            on_wait: Told of what is waited for: who cancels it ends the wait, as cancelling the task would.
        """
        while not self.try_acquire():
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            if on_wait is not None:
                on_wait(waiter)
            try:
                await waiter
            except BaseException:
                if waiter.done() and not waiter.cancelled():
                    # The place it was woken for goes to the next one.
                    self._waiters.remove(waiter)
                    self._wake()
                raise
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)

    def pass_on(self) -> bool:
        """Whether the place of a chunk that has ended may go to the next one at once.

        Not where the limit has shrunk, or others wait beside whoever reads the input.
        """
        limit = self.limit
        if self.in_flight > limit or len(self._waiters) > 1:
            return False
        self._round_full = self._round_full or self.in_flight >= limit
        return True

    def release(self) -> None:
        """Give the place back."""
        self.in_flight -= 1
        self._wake()

    def _wake(self) -> None:
        if not self._waiters:
            return
        for waiter in self._waiters[: max(0, self.limit - self.in_flight)]:
            if not waiter.done():
                waiter.set_result(None)

    def observe(self, outcome: Outcome, records: int) -> None:
        """Learn from one call.

        Args:
            outcome: What became of it.
            records: Records it carried.
        """
        if not self.auto:
            return
        trouble = outcome.action is Action.RETRY and outcome.kind is not OutcomeKind.COMMITTED
        if trouble:
            self._limit = max(1.0, self._limit * 0.9)
            self._best.clear()
            self._lower = None
            self._start_round()
            return
        if outcome.kind is not OutcomeKind.COMMITTED or not records:
            return
        self._round_calls += 1
        self._round_records += records
        self._round_seconds += outcome.seconds
        # Rounds of several calls: a single call's time says little.
        if self._round_calls >= max(2 * self.limit, 4):
            self._end_round()

    def _end_round(self) -> None:
        limit = self.limit
        # Throughput at this limit: records in flight over the time a record spends in flight.
        rate = limit * self._round_records / self._round_seconds if self._round_seconds > 0 else 0.0
        before = self._best.get(limit)
        self._best[limit] = rate if before is None else 0.5 * (before + rate)
        self._rounds += 1
        self._seen[limit] = self._rounds
        lower, self._lower = self._lower, None
        if lower is not None and self._best[limit] < self._best[lower] * _worth(limit, lower):
            self._limit = float(lower)  # more calls at a time brought nothing but waiting
        elif self._round_full and limit < self.maximum:
            higher = min(self.maximum, limit + max(1, limit // 4))
            if higher not in self._best or self._rounds - self._seen[higher] >= _FORGET_ROUNDS:
                self._best.pop(higher, None)
                self._lower, self._limit = limit, float(higher)
        self._start_round()

    def _start_round(self) -> None:
        self._round_calls = 0
        self._round_records = 0
        self._round_seconds = 0.0
        self._round_full = False


class ChunkSizer:
    """How many records the next chunk has; with ``"auto"`` a call is answered within some 2 to 4 s.

    About half of that it waits for a worker of the server's, as more calls are under way than there are workers; what
    it takes after that is far from Odoo's time limits. Each call costs Odoo some 20 ms beside its records' time.

    Args:
        size: Records, or ``"auto"``.

    Attributes:
        size: Records a call that writes.
        look_up: Records that are looked up together: a question costs the server a twentieth of a write and less.
    """

    def __init__(self, size: int | Literal["auto"] = "auto") -> None:
        self.auto = size == "auto"
        self.size = AUTO_CHUNK_START if size == "auto" else size
        self.look_up = AUTO_CHUNK_MAXIMUM if size == "auto" else size
        self._short = 0
        self._per_record: float | None = None

    def share(self, left: int, places: int) -> int:
        """Records of the next call where no more than `left` come, so that the last calls at once end together."""
        return min(self.size, max(_LEAST_SHARE, -(-left // places))) if self.auto else self.size

    def refused(self, records: int) -> None:
        """A chunk held records that the server refused: smaller ones lose less, while such records come often.

        Args:
            records: Records of the chunk.
        """
        if self.auto and records * 2 > self.size:  # calls of before the last shrinking say nothing new
            self._shrink(min(records, self.size))

    def asked(self, records: int, seconds: float) -> None:
        """Learn from a look-up of so many records, all its calls together."""
        if self.auto and seconds > _LONG_LOOK_UP_SECONDS and records >= self.look_up:
            self.look_up = max(AUTO_CHUNK_MINIMUM, self.look_up // 2)

    def _shrink(self, records: int) -> None:
        self.size = max(AUTO_CHUNK_MINIMUM, min(self.size, records) // 2)
        self._short = 0

    def observe(self, outcome: Outcome, records: int) -> None:
        """Learn from one call that carried `records`."""
        if not self.auto:
            return
        if outcome.action is Action.SPLIT and outcome.kind is not OutcomeKind.COMMITTED:
            self._shrink(records)
        elif outcome.kind is OutcomeKind.IN_DOUBT and outcome.seconds > _LONG_SECONDS and records >= self.size:
            self._shrink(records)  # no answer after that long: the server has a time limit
        elif outcome.kind is OutcomeKind.COMMITTED and records >= self.size:
            self._answered(outcome.seconds / records, outcome.seconds)

    def _answered(self, per_record: float, seconds: float) -> None:
        """A call of full size went well; one that was slow by chance shrinks nothing, unless it took far too long."""
        before = per_record if self._per_record is None else self._per_record
        self._per_record = 0.7 * before + 0.3 * per_record
        expected = self._per_record * self.size
        if expected > _LONG_SECONDS or seconds > 5 * _LONG_SECONDS:
            self.size = max(AUTO_CHUNK_MINIMUM, int(self.size * max(0.5, _LONG_SECONDS / max(expected, seconds))))
            self._short = 0
        elif expected < _SHORT_SECONDS and self.size < AUTO_CHUNK_MAXIMUM:
            self._short += 1
            if self._short >= 2:
                self.size = min(AUTO_CHUNK_MAXIMUM, self.size * 2)
                self._short = 0
