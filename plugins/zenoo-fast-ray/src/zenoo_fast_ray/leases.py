"""Places in flight that are lent to tasks: the cluster's one limit. Plain; the actor around it is in `actors`."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from zenoo_fast.engine.limiter import Limiter
from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind

Limit = int | Literal["auto"]


class Made(NamedTuple):
    """What the limit learns from a call: see `Outcome`."""

    kind: str
    action: str
    seconds: float
    records: int


@dataclass(eq=False, slots=True)
class _Waiting:
    owner: str
    granted: asyncio.Future[int | None]


class Leases:
    """Lends places; first come, first served.

    An owner (a task) that gives no sign of life for some seconds is taken for dead, and what it holds is lent again.

    Args:
        limit: Places, or ``"auto"``: found out from how calls go, as in an import on one machine.
        seconds: How long an owner may be silent. A dead task's call may still run on the server: longer than calls
            take, so that the limit holds all the same.
        clock: Seconds, monotonic.

    Attributes:
        most: Places lent at once, at most.
        lapsed: Leases taken back from silent owners.
    """

    def __init__(self, limit: Limit, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self.most = 0
        self.lapsed = 0
        self._limiter = Limiter(limit)
        self._clock = clock
        self._held: dict[int, str] = {}
        self._seen: dict[str, float] = {}
        self._waiting: deque[_Waiting] = deque()
        self._numbers = itertools.count(1)

    @property
    def limit(self) -> int:
        """Places, now."""
        return self._limiter.limit

    @property
    def lent(self) -> int:
        """Leases, now."""
        return len(self._held)

    async def acquire(self, owner: str, patience: float) -> int | None:
        """Wait for a place.

        Args:
            owner: Whose it will be; alive until `Leases.seconds` after this.
            patience: Seconds to wait.

        Returns:
            The lease's number; ``None`` where there was no place in that time, or the owner was silent.
        """
        waiting = _Waiting(owner, asyncio.get_running_loop().create_future())
        self._seen[owner] = self._clock()
        self._waiting.append(waiting)
        self.expire()
        until = asyncio.get_running_loop().time() + patience
        try:
            while not waiting.granted.done() and (left := until - asyncio.get_running_loop().time()) > 0:
                # Nobody tells of a silence: whoever waits looks.
                await asyncio.wait({waiting.granted}, timeout=min(left, self.seconds / 4))
                self.expire()
        except BaseException:
            self._give_up(waiting)
            raise
        if not waiting.granted.done():
            self._give_up(waiting)
        return waiting.granted.result()

    def _give_up(self, waiting: _Waiting) -> None:
        if not waiting.granted.done():
            waiting.granted.set_result(None)
            self._waiting.remove(waiting)
        elif (lease := waiting.granted.result()) is not None:
            self.release(lease)

    def renew(self, owner: str, leases: Iterable[int]) -> list[int]:
        """A sign of life.

        Args:
            owner: Who is alive.
            leases: What it thinks it holds.

        Returns:
            Those of them that have been taken back.
        """
        self._seen[owner] = self._clock()
        return [one for one in leases if self._held.get(one) != owner]

    def release(self, lease: int, made: Iterable[Made] = ()) -> None:
        """Give a place back; one that was taken back already stays so.

        Args:
            lease: Its number.
            made: The calls made with it.
        """
        for one in made:
            outcome = Outcome(OutcomeKind(one.kind), action=Action(one.action), seconds=one.seconds)
            self._limiter.observe(outcome, one.records)
        owner = self._held.pop(lease, None)
        if owner is not None:
            self._seen[owner] = self._clock()
            self._limiter.release()
        self.expire()

    def leave(self, owner: str) -> None:
        """Give everything back, and wait for nothing any more."""
        self._seen.pop(owner, None)
        self._take_back(owner)
        self.expire()

    def expire(self) -> None:
        """Take back what silent owners hold."""
        now = self._clock()
        for owner in [one for one, seen in self._seen.items() if now - seen > self.seconds]:
            del self._seen[owner]
            self.lapsed += self._take_back(owner)
        self._lend()

    def _take_back(self, owner: str) -> int:
        held = [one for one, whose in self._held.items() if whose == owner]
        for lease in held:
            del self._held[lease]
            self._limiter.release()
        return len(held)

    def _lend(self) -> None:
        while self._waiting:
            first = self._waiting[0]
            if first.owner not in self._seen:
                # Silent, or gone, while it waited: a place would be lost to it.
                self._waiting.popleft().granted.set_result(None)
                continue
            if not self._limiter.try_acquire():
                return
            self._waiting.popleft()
            lease = next(self._numbers)
            self._held[lease] = first.owner
            self.most = max(self.most, len(self._held))
            first.granted.set_result(lease)
