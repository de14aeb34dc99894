"""What a run works with, and what stops it. Plain data."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from zenoo_fast._core import RowSet
from zenoo_fast.engine.caller import SendPolicy
from zenoo_fast.engine.feed import BlockSource
from zenoo_fast.engine.journal import Journal
from zenoo_fast.engine.limiter import ChunkSizer, Limiter
from zenoo_fast.engine.plan import Plan
from zenoo_fast.engine.rejects import RejectFile
from zenoo_fast.plugins.manager import RunEvents
from zenoo_fast.progress.base import ProgressReporter, RunInfo
from zenoo_fast.transports.base import Transport


@dataclass(slots=True)
class Control:
    """Lets others stop a run: what is in flight is awaited, what was not read stays unread.

    Attributes:
        reason: Why, in one line; empty while the run goes on.
    """

    reason: str = ""
    _event: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self, reason: str) -> None:
        """Stop the run; the first reason counts."""
        if not self.reason:
            self.reason = reason
            self._event.set()

    @property
    def stopped(self) -> bool:
        """It is being stopped."""
        return bool(self.reason)

    async def wait(self) -> None:
        """Until it is stopped."""
        await self._event.wait()


@dataclass(slots=True)
class Crew:
    """What a run works with, beside its job and source."""

    transport: Transport
    plan: Plan
    limiter: Limiter
    sizer: ChunkSizer
    policy: SendPolicy
    info: RunInfo
    rejects: RejectFile | None = None
    journal: Journal | None = None
    reporters: Sequence[ProgressReporter] = ()
    events: RunEvents | None = None
    control: Control = field(default_factory=Control)
    skip: RowSet | None = None
    threaded: bool = True
    levels: Sequence[RowSet] = ()
    """Rows that have to go in after those of the level before, which they refer to."""
    reopen: Callable[[], BlockSource] | None = None
    """The input once more, at its begin; needed with levels."""
    lane: str = ""
    """Relation whose rows of one value go in one call after the other."""
    doubted: RowSet | None = None
    """Rows that an earlier attempt sent without learning their end, and whose external id was not there before."""
