"""Holds calls while the server is away, and lets single probes through until it is back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind


class Breaker:
    """Opens after some failures to reach the server, one after another; closes with the first answer.

    It pauses, it never refuses: an outage of minutes loses nothing.

    Args:
        threshold: Failures in a row that open it.
        base: Seconds before the first probe; doubles from probe to probe.
        cap: Seconds between probes at most.
        clock: Seconds, monotonic.
        sleep: Waits that many seconds.
        on_change: Told when it opens and closes: ``on_change(note)``, empty when closed.
    """

    def __init__(
        self,
        threshold: int = 3,
        base: float = 1.0,
        cap: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_change: Callable[[str], None] = lambda _note: None,
    ) -> None:
        self.threshold = threshold
        self.base = base
        self.cap = cap
        self.note = ""
        self._clock = clock
        self._sleep = sleep
        self._on_change = on_change
        self._failures = 0
        self._opened_at: float | None = None
        self._probe_at = 0.0
        self._probing = False

    @property
    def paused(self) -> bool:
        """Calls are held."""
        return self._opened_at is not None

    @property
    def away_seconds(self) -> float:
        """How long the server has been away; 0 while it is there."""
        return 0.0 if self._opened_at is None else self._clock() - self._opened_at

    async def wait(self) -> None:
        """Return at once when closed; else when it is this caller's turn to probe, or the server is back."""
        while self._opened_at is not None:
            left = self._probe_at - self._clock()
            if left <= 0 and not self._probing:
                self._probing = True
                return
            await self._sleep(min(max(left, 0.05), 1.0))

    def record(self, outcome: Outcome) -> None:
        """Take note of what became of a call."""
        away = outcome.action is Action.RETRY and outcome.kind in {OutcomeKind.NOT_EXECUTED, OutcomeKind.IN_DOUBT}
        self._probing = False
        if outcome.kind is OutcomeKind.IN_DOUBT and not away:
            return  # a fault of this side says nothing of the server
        if not away:
            self._failures = 0
            if self._opened_at is not None:
                self._opened_at = None
                self.note = ""
                self._on_change("")
            return
        self._failures += 1
        if self._failures < self.threshold:
            return
        now = self._clock()
        if self._opened_at is None:
            self._opened_at = now
        steps = min(self._failures - self.threshold, 30)
        self._probe_at = now + (outcome.retry_after or min(self.cap, self.base * 2.0**steps))
        reason = outcome.error.message if outcome.error else "no answer"
        self.note = f"waiting for the server: {reason}"
        self._on_change(self.note)

    def abandon(self) -> None:
        """A call that had passed `wait` ended without an outcome."""
        self._probing = False
