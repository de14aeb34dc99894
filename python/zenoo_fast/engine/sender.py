"""Brings every row of a chunk to a final state, by as many calls as it takes.

All decisions about sending again, splitting and giving up are made here:

==============  =========================================================================
outcome         then
==============  =========================================================================
committed       the rows are settled with their ids
refused, data   named rows are rejected and the rest is sent again; rows that the message tells of are sent apart from
                the rest; else the chunk is halved until the bad rows stand alone: O(k log n) calls for k bad rows
refused, all    the run stops where the server says that no record can go in: no such model, no right to it
refused, busy   sent again after a delay, a bounded number of times; then rejected (it was rolled back)
not executed    sent again after a delay; an outage is waited out; too large: halved; hopeless: the run stops
in doubt        an idempotent call is sent again, then halved; any other's rows are unknown and never sent again
==============  =========================================================================

Where a call had to be halved for its size, the run's later chunks are cut to what fitted before they are sent.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from zenoo_fast.engine.blame import Fault, blame, blame_cells, suspects
from zenoo_fast.engine.caller import Caller, RunStopped
from zenoo_fast.engine.calls import Calls
from zenoo_fast.engine.chunks import AnyChunk
from zenoo_fast.engine.outcome import SERVER, Action, Outcome, OutcomeKind, Reject, RowState, ServerError, Settled
from zenoo_fast.engine.prospects import hopeless
from zenoo_fast.transports.classify import unreadable

_MISSING = "odoo.exceptions.MissingError"
_FEW = 8
"""Rows that are sent one by one where a message may be about any of them; more are halved."""
_HINTS = 3
"""How often in a row a message is followed before a piece is halved: each message tells of one fault only."""
_LONG_SECONDS = 5.0
"""A call that got no answer after so long was being worked on: its server is there."""


@dataclass(slots=True)
class _Refused:
    """The server refused a piece: some record is at fault."""

    error: ServerError
    named: dict[int, tuple[str | None, str]]


class Sender:
    """Sends chunks of one kind of call.

    Args:
        caller: Sends the calls.
        calls: What a chunk becomes.
        on_settled: Told of every settled slice, as it happens.
    """

    def __init__(self, caller: Caller, calls: Calls, on_settled: Callable[[Settled], None]) -> None:
        self.caller = caller
        self.calls = calls
        self._on_settled = on_settled
        self._doubted: set[int] = set()
        """Rows of calls in doubt, which are being sent again: where that fails, they may be in all the same."""

    async def settle(self, chunk: AnyChunk) -> None:
        """Bring every row of the chunk to a final state.

        Raises:
            RunStopped: No record can succeed. The rows that were not settled were not executed either.
        """
        if not len(chunk):
            return
        try:
            refused = await self._try(chunk)
            if refused is not None:
                await self._stop_if_hopeless(refused.error)
                await self._find(chunk, refused)
        except RunStopped as stopped:
            left = [index for index, row in enumerate(chunk.rows()) if row in self._doubted]
            if left:
                self._tell(Settled(chunk.select(left), RowState.UNKNOWN, error=stopped.error))
            raise

    async def _stop_if_hopeless(self, error: ServerError) -> None:
        if await hopeless(self.caller, error, self.calls.model, self.calls.right):
            raise RunStopped(error)

    async def _settle(self, piece: AnyChunk, hints: int) -> None:
        refused = await self._try(piece)
        if refused is not None:
            await self._find(piece, refused, hints)

    def _tell(self, settled: Settled) -> None:
        if self._doubted:
            self._doubted.difference_update(settled.chunk.rows())
        self._on_settled(settled)

    def _is_doubted(self, piece: AnyChunk) -> bool:
        return bool(self._doubted) and not self._doubted.isdisjoint(piece.rows())

    async def _find(self, piece: AnyChunk, refused: _Refused | None, hints: int = _HINTS) -> None:
        """Find the bad rows of a piece that holds one; ``None``: that is known without having sent it."""
        if refused is not None and refused.named:
            await self._without_named(piece, refused)
            return
        if len(piece) == 1:
            if refused is None:
                refused = await self._try(piece)
            if refused is not None:
                self._reject(piece, refused.error)
            return
        if refused is not None and hints:
            faults = suspects(refused.error, piece, self.calls.model)
            if faults:
                await self._apart(piece, refused, faults, hints)
                return
        middle = len(piece) // 2
        left, right = piece.slice(0, middle), piece.slice(middle, len(piece))
        left_refused = await self._try(left)
        if left_refused is None:
            # The bad row is in the other half: sending that half whole would only be refused again.
            await self._find(right, None)
            return
        await self._find(left, left_refused)
        right_refused = await self._try(right)
        if right_refused is not None:
            await self._find(right, right_refused)

    async def _apart(self, piece: AnyChunk, refused: _Refused, faults: dict[int, Fault], hints: int) -> None:
        """The message tells of some rows: send the others without them, and then those.

        One of several rows with the very same value speaks for all of them where that value cannot go in by itself.
        """
        others = [index for index in range(len(piece)) if index not in faults]
        if others:
            await self._settle(piece.select(others), hints - 1)
        groups: dict[Fault, list[int]] = {}
        for index, fault in faults.items():
            groups.setdefault(fault, []).append(index)
        for fault, held in groups.items():
            if len(held) > _FEW and not fault.certain:
                await self._settle(piece.select(held), 0)
                continue
            proven: ServerError | None = None
            for index in held:
                one = piece.slice(index, index + 1)
                alone = await self._try(one) if proven is None else _Refused(proven, {})
                if alone is not None:
                    self._reject(one, alone.error)
                    same = fault.certain and alone.error.message == refused.error.message
                    proven = alone.error if same else None

    async def _without_named(self, piece: AnyChunk, refused: _Refused) -> None:
        for index, (name, message) in sorted(refused.named.items()):
            record = piece.slice(index, index + 1)
            self._emit_reject(record, name or blame_cells(message, piece.fields, record.values()[0]), SERVER, message)
        rest = [index for index in range(len(piece)) if index not in refused.named]
        if rest:
            await self.settle(piece.select(rest))

    def _try(self, piece: AnyChunk) -> Coroutine[Any, Any, _Refused | None]:
        """Send a piece, in parts where it is too large, until it is settled (``None``) or refused for its data."""
        fits = self.caller.fits
        return self._send(piece) if fits is None or len(piece) <= fits else self._halves(piece)

    async def _send(self, piece: AnyChunk) -> _Refused | None:
        caller = self.caller
        call = caller.timed(self.calls.build(piece))
        caller.policy.budget.called()
        attempt = 0
        while True:
            if attempt and caller.fits is not None and len(piece) > caller.fits:
                # Another chunk has met the server's limit meanwhile.
                await self._halves(piece)
                return None
            read = self._read(await caller.send(call, len(piece)), piece)
            if not isinstance(read, Outcome):
                return read
            outcome = read
            error = outcome.error or ServerError("zenoo_fast.NoAnswer", "no answer")
            if outcome.action is Action.STOP:
                raise RunStopped(error)
            if outcome.action is Action.SPLIT:
                await self._split(piece, outcome, error)
                return None
            if outcome.kind is OutcomeKind.REFUSED and outcome.action is not Action.RETRY:
                return self._refused(piece, error)
            if outcome.kind is OutcomeKind.IN_DOUBT and await self._settled_in_doubt(piece, outcome, error, attempt):
                return None
            if not await caller.may_retry(outcome, attempt):
                self._give_up(piece, error, code="not_sent" if error.status is None else "server_busy")
                return None
            attempt += 1

    async def _settled_in_doubt(self, piece: AnyChunk, outcome: Outcome, error: ServerError, attempt: int) -> bool:
        """What a call without an answer leads to but for sending it again: rows that stay unknown, or smaller calls."""
        if not self.calls.idempotent:
            self._tell(Settled(piece, RowState.UNKNOWN, error=error))
            return True
        self._doubted.update(piece.rows())
        there = not self.caller.away or outcome.seconds > _LONG_SECONDS
        if attempt >= 1 and len(piece) > 1 and there:
            # The server is there and gives no answer for these rows, twice: it may run into its time limit.
            await self._split(piece, outcome, error)
            return True
        return False

    def _read(self, outcome: Outcome, piece: AnyChunk) -> Outcome | _Refused | None:
        """``None`` where the rows are settled; refusals inside a success; else the outcome to act on.

        An answer that makes no sense leaves the call in doubt.
        """
        if outcome.kind is not OutcomeKind.COMMITTED:
            return outcome
        try:
            value = outcome.ids() if self.calls.answers_ids else None
            reading = self.calls.read(outcome.value() if value is None else value, piece)
        except (ValueError, RecursionError) as reason:
            return unreadable(f"the server's answer makes no sense: {reason}", seconds=outcome.seconds)
        if reading.state is not None:
            self.caller.went_in(len(piece), outcome.seconds)
            self._tell(Settled(piece, reading.state, reading.ids))
            return None
        error = reading.error or ServerError("zenoo_fast.Refused", "the server refused the rows")
        if reading.transient:
            return Outcome(OutcomeKind.REFUSED, error=error, action=Action.RETRY, seconds=outcome.seconds)
        return _Refused(error, dict(reading.named))

    def _refused(self, piece: AnyChunk, error: ServerError) -> _Refused | None:
        """A single record that is missing after a call in doubt was deleted by that call."""
        one = len(piece) == 1 and self._is_doubted(piece)
        if one and error.name == _MISSING and self.calls.missing_is_done:
            self._tell(Settled(piece, RowState.DELETED, piece.ids()))
            return None
        return _Refused(error, {})

    async def _split(self, piece: AnyChunk, outcome: Outcome, error: ServerError) -> None:
        if len(piece) == 1:
            self._give_up(piece, error, code="too_large")
            return
        self.caller.too_many(len(piece), outcome.seconds)
        await self._halves(piece)

    async def _halves(self, piece: AnyChunk) -> None:
        """Settle them one after the other."""
        middle = len(piece) // 2
        await self.settle(piece.slice(0, middle))
        await self.settle(piece.slice(middle, len(piece)))

    def _give_up(self, piece: AnyChunk, error: ServerError, code: str) -> None:
        """It was tried often enough. What was never in doubt is not in, for certain."""
        if self._is_doubted(piece):
            self._tell(Settled(piece, RowState.UNKNOWN, error=error))
        else:
            self._reject(piece, error, code)

    def _reject(self, piece: AnyChunk, error: ServerError, code: str = SERVER) -> None:
        name, message = blame(error, piece, self.calls.model) if len(piece) == 1 else (None, error.message)
        self._emit_reject(piece, name, code, message, error)

    def _emit_reject(
        self, piece: AnyChunk, name: str | None, code: str, message: str, error: ServerError | None = None
    ) -> None:
        rejects: Sequence[Reject] = [
            Reject(row, name, code, one_line(message), piece.record(index)) for index, row in enumerate(piece.rows())
        ]
        self._tell(Settled(piece, RowState.REJECTED, rejects=rejects, error=error))


def one_line(text: str) -> str:
    """A message on one line, cut at 1,000 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 1000 else line[:999] + "…"
