"""Sends what one chunk has become: one call after the other, or several at once where there are places free."""

from __future__ import annotations

import asyncio
from collections import deque

from zenoo_fast.engine.caller import Caller
from zenoo_fast.engine.calls import Calls
from zenoo_fast.engine.chunks import AnyChunk
from zenoo_fast.engine.crew import Crew
from zenoo_fast.engine.limiter import Limiter
from zenoo_fast.engine.outcome import SERVER, Settled
from zenoo_fast.engine.plan import OnSettled, Pieces
from zenoo_fast.engine.sender import Sender


class Piecework:
    """The pieces of one chunk, which has a place in flight already.

    Args:
        pieces: What to send.
        caller: Sends the calls.
        settled: Told of every settled slice, as it happens.
        crew: Says how large a call is and where further places are taken, learns of bad rows, and may be stopped: what
            has not left by then stays.
        in_order: The pieces go one after the other.
        last: Nothing comes after this chunk: what was looked up is shared out among the places.
    """

    def __init__(
        self,
        pieces: Pieces,
        caller: Caller,
        settled: OnSettled,
        crew: Crew,
        *,
        in_order: bool,
        last: bool,
    ) -> None:
        self._waiting = deque(pieces.calls)
        self._caller = caller
        self._settled = settled
        self._crew = crew
        self._limiter = None if in_order or not crew.limiter.spare else crew.limiter
        self._last = last
        self._helpers: list[asyncio.Task[None]] = []
        self._hoping: asyncio.Task[None] | None = None
        """A helper that waits for a place."""

    async def run(self) -> None:
        """Send all of them; those left where the run is stopped meanwhile.

        Raises:
            RunStopped: No record can succeed; what is in flight has come to its end.
        """
        try:
            await self._work()
        except asyncio.CancelledError:
            for helper in self._helpers:
                helper.cancel()
            raise
        finally:
            if self._hoping is not None:
                self._hoping.cancel()
            ends = await asyncio.gather(*self._helpers, return_exceptions=True) if self._helpers else ()
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _work(self) -> None:
        while self._waiting:
            calls, piece = self._waiting.popleft()
            rows = self._rows(len(piece))
            if len(piece) > rows:
                self._waiting.appendleft((calls, piece.slice(rows, len(piece))))
                piece = piece.slice(0, rows)
            if self._waiting and self._hoping is None and self._limiter is not None:
                self._hoping = asyncio.create_task(self._help(self._limiter))
            try:
                await send_piece(calls, piece, self._caller, self._settled, self._crew)
            except BaseException:
                self._waiting.clear()
                raise
            if self._crew.control.stopped:
                self._waiting.clear()

    def _rows(self, waiting: int) -> int:
        """Rows of the next call, of so many."""
        if not self._crew.plan.looks_up:
            return waiting  # it was cut when it was read
        sizer = self._crew.sizer
        if self._last and self._limiter is not None:
            return sizer.share(waiting, self._limiter.limit)
        return sizer.size

    async def _help(self, limiter: Limiter) -> None:
        await limiter.acquire()
        try:
            if self._hoping is not None:
                self._helpers.append(self._hoping)
            self._hoping = None
            await self._work()
        finally:
            limiter.release()


async def send_piece(calls: Calls, piece: AnyChunk, caller: Caller, settled: OnSettled, crew: Crew) -> None:
    """Send one piece by as many calls as it takes; what the server refuses of it makes later ones smaller.

    Raises:
        RunStopped: No record can succeed.
    """
    refused = False

    def told(one: Settled) -> None:
        nonlocal refused
        if one.rejects:
            refused = refused or any(reject.code == SERVER for reject in one.rejects)
        settled(one)

    try:
        await Sender(caller, calls, told).settle(piece)
    finally:
        if refused:
            crew.sizer.refused(len(piece))
