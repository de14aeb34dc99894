"""Runs a job: takes chunks from the feed, has them settled with bounded concurrency, and keeps the account."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator

from zenoo_fast._core import Chunk, RowSet
from zenoo_fast.engine.announced import Announced
from zenoo_fast.engine.caller import Caller
from zenoo_fast.engine.chunks import AnyChunk
from zenoo_fast.engine.crew import Crew
from zenoo_fast.engine.feed import BlockSource, Feed
from zenoo_fast.engine.job import Job
from zenoo_fast.engine.journal_file import minus
from zenoo_fast.engine.lanes import Lanes
from zenoo_fast.engine.outcome import Outcome, OutcomeKind, RowState, ServerError, Settled
from zenoo_fast.engine.piecework import Piecework, send_piece
from zenoo_fast.engine.plan import OnSettled, Pieces
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.engine.tally import Tally, add_rows
from zenoo_fast.engine.telling import Telling
from zenoo_fast.engine.turns import Turns
from zenoo_fast.exceptions import SourceError, ZenooError
from zenoo_fast.plugins.held import watch

logger = logging.getLogger(__name__)

_APART_SECONDS = 0.001
"""Between the first calls: calls that begin together would end together, and each wait for all the others."""
GRACE_SECONDS = 30.0
"""How long calls in flight are awaited when a run is stopped."""


class Coordinator:
    """One run.

    Args:
        job: What to do.
        source: Where blocks come from.
        crew: What it works with.
        report: Counts to go on from; a fresh one without.
    """

    def __init__(self, job: Job, source: BlockSource, crew: Crew, report: ImportReport | None = None) -> None:
        self.job = job
        self.crew = crew
        self.source = source
        self.report = report or ImportReport(crew.info.run_id, job.model, job.mode)
        self.report.dry_run = job.dry_run
        self._caller = Caller(crew.transport, crew.policy, self._called)
        self._caller.known[job.model, ""] = True  # its fields have been asked for
        self._telling = Telling(crew, self.report, self._caller, lambda: self.source.position, dry_run=job.dry_run)
        self._tally = Tally(job, crew, self.report, self._telling.moved)
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = 0
        """Tasks whose chunk has not left: no later one may overtake it."""
        self._lanes: Lanes | None = None
        self._announced: Announced | None = None
        self._turns = Turns()
        self._begun = 0
        self._all_read: Callable[[], bool] = lambda: False
        self._unreadable = ""
        self._stopping: asyncio.Task[None] | None = None
        self._acquiring: asyncio.Future[None] | None = None

    async def run(self) -> ImportReport:
        """Do it.

        Returns:
            The report; every row read is in exactly one of its counts.

        Raises:
            asyncio.CancelledError: The task was cancelled; what was in flight has been awaited or is unknown.
            SourceError: Not even the first rows could be read; nothing was sent.
        """
        crew = self.crew
        if crew.journal is not None:
            crew.journal.start(crew.control.stop, crew.rejects.sync if crew.rejects is not None else None)
        self._telling.start()
        if crew.events is not None:
            crew.events.run_started()
        tickers = [asyncio.create_task(self._telling.tick()), asyncio.create_task(watch(self._may_block))]
        try:
            for skip in self._passes():
                await self._pass(skip)
        except asyncio.CancelledError:
            stopped_before = crew.control.stopped  # who stops a run twice does not wait for the calls in flight
            crew.control.stop("cancelled")
            self._give_back()
            await self._drain(patient=not stopped_before)
            raise
        finally:
            for ticker in tickers:
                ticker.cancel()
            if self._stopping is not None:
                self._stopping.cancel()
            await self._finish()
        if self._unreadable and not self.report.read and not self._caller.requests:
            raise SourceError(self._unreadable)
        return self.report

    def _passes(self) -> Iterator[RowSet | None]:
        """What each reading of the input leaves out; one reading where rows do not refer to each other."""
        crew = self.crew
        if len(crew.levels) < 2 or crew.reopen is None:
            yield crew.skip
            return
        for number, rows in enumerate(crew.levels):
            if number and not crew.control.stopped:
                self.source = crew.reopen()
            skip = RowSet(crew.skip.ranges() if crew.skip else None)
            for start, stop in minus(RowSet([(0, 1 << 62)]), rows).ranges():
                skip.add(start, stop)
            yield skip

    async def _pass(self, skip: RowSet | None) -> None:
        """Read the input to its end, and bring what was read to its end."""
        crew = self.crew
        feed = Feed(self.source, self._tally.read, limit=self.job.limit, skip=skip, threaded=crew.threaded)
        self._all_read = lambda: feed.left == 0
        self._lanes = Lanes(feed, crew.lane) if crew.lane else None
        self._announced = None
        if crew.journal is not None and self._lanes is None and not crew.plan.asks:
            most = self.job.max_chunk_bytes
            self._announced = Announced(feed, crew.journal, lambda: self._rows(feed.left), most)
        try:
            await self._dispatch(feed)
            self._give_back()
            await self._drain()
        finally:
            await feed.close()

    async def _dispatch(self, feed: Feed) -> None:
        crew, job, loop = self.crew, self.job, asyncio.get_running_loop()
        while not crew.control.stopped:
            if not await self._place():
                return
            taken = False
            try:
                if self._begun < crew.limiter.limit:
                    self._begun += 1
                    await asyncio.sleep(_APART_SECONDS)
                chunk = await self._next(feed)
                if chunk is None:
                    return
                if self._lanes is not None and crew.control.reason:  # while it waited for its lane
                    self._tally.give_back(chunk, crew.control.reason)
                    break
                if job.dry_run:
                    continue
                taken = True
                self._starting += 1
                task = loop.create_task(self._work(chunk, feed))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            except (OSError, ValueError, ZenooError) as error:
                self._cannot_read(error)
            finally:
                if not taken:
                    crew.limiter.release()
        self.report.not_read = True

    def _cannot_read(self, error: OSError | ValueError | ZenooError) -> None:
        """The next chunk cannot be had: the run stops."""
        if isinstance(error, ZenooError):
            self.crew.control.stop(error.message)
            return
        where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        self._unreadable = f"the input cannot be read any further: {where}{error}"
        self.crew.control.stop(self._unreadable)

    async def _next(self, feed: Feed) -> Chunk | None:
        """The next chunk to send."""
        most = self.job.max_chunk_bytes
        if self._lanes is not None:
            return await self._lanes.next(self._rows(None), most)
        if self._announced is not None:
            return await self._announced.next()
        return await feed.next(self._rows(feed.left), most)

    def _next_at_hand(self, feed: Feed) -> Chunk | None:
        """The next chunk where it can go in the place of one that has ended."""
        crew = self.crew
        if crew.control.stopped or self._starting or self._lanes is not None or crew.plan.looks_up:
            return None
        if not crew.limiter.pass_on():
            return None
        try:
            if self._announced is not None:
                return self._announced.next_at_hand()
            return feed.next_at_hand(self._rows(feed.left), self.job.max_chunk_bytes)
        except (OSError, ValueError, ZenooError) as error:
            self._cannot_read(error)
            return None

    def _rows(self, left: int | None) -> int:
        """Rows of the next chunk; near the end of the input they are shared out, so that the last calls end together.

        Args:
            left: Rows of the input that are left, where that is known.
        """
        crew = self.crew
        if crew.plan.looks_up:
            return crew.sizer.look_up  # what is to be written for them is shared out
        return crew.sizer.size if left is None else crew.sizer.share(left, crew.limiter.limit)

    async def _place(self) -> bool:
        """Wait for a place in flight; ``False`` where the run was stopped meanwhile."""
        crew = self.crew
        if self._stopping is None:
            self._stopping = asyncio.create_task(crew.control.wait())
            self._stopping.add_done_callback(lambda _: self._acquiring and self._acquiring.cancel())
        try:
            await crew.limiter.acquire(self._waits)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not crew.control.stopped or (task is not None and task.cancelling()):
                raise
        else:
            if not crew.control.stopped:
                return True
            crew.limiter.release()
        self.report.not_read = True
        return False

    def _waits(self, acquiring: asyncio.Future[None]) -> None:
        self._acquiring = acquiring

    async def _work(self, chunk: Chunk | None, feed: Feed) -> None:
        """A chunk that has a place, and in that place what is at hand after it.

        To give the place back between them would take two more turns of the loop and another task a chunk.
        """
        self._starting -= 1
        try:
            while chunk is not None:
                await self._settle(chunk)
                chunk = self._next_at_hand(feed)
        finally:
            self.crew.limiter.release()

    async def _settle(self, chunk: Chunk) -> None:
        """One chunk, to its end, whatever happens."""
        done: list[AnyChunk] = []

        def settled(one: Settled) -> None:
            done.append(one.chunk)
            self._tally.settled(one)

        names = self.crew.plan.names(chunk)
        # Rows of one lane, or of one record, go in their order.
        in_order = self._lanes is not None or (bool(names) and len(names) < len(chunk))
        try:
            if names:
                async with self._turns.turn(names):
                    await self._bring_in(chunk, settled, in_order=in_order)
            else:
                await self._bring_in(chunk, settled, in_order=in_order)
            if self.crew.control.stopped:  # what had not left by then
                self._tally.give_back(_without(chunk, done), self.crew.control.reason)
        except ZenooError as error:
            self.crew.control.stop(error.message)
            self._tally.give_back(_without(chunk, done), error.message)
        except asyncio.CancelledError:
            self._forget(_without(chunk, done), "the run was stopped while the call was under way")
            raise
        except Exception as error:
            logger.exception("a chunk could not be settled")
            self.crew.control.stop(f"internal error: {type(error).__name__}: {error}")
            self._forget(_without(chunk, done), str(error))
        finally:
            if self._lanes is not None:
                self._lanes.done(chunk)

    async def _bring_in(self, chunk: Chunk, settled: OnSettled, *, in_order: bool) -> None:
        """Find out what to send for a chunk, and send it."""
        crew, plan, started = self.crew, self.crew.plan, time.perf_counter()
        pieces = await plan.pieces(chunk, self._caller, settled, crew.doubted)
        if crew.journal is not None and (plan.asks or self._lanes is not None):
            await self._announce(pieces)
        if plan.looks_up:
            crew.sizer.asked(len(chunk), time.perf_counter() - started)
        if len(pieces.calls) == 1 and not plan.looks_up:  # it was cut when it was read
            await send_piece(*pieces.calls[0], self._caller, settled, crew)
            return
        await Piecework(pieces, self._caller, settled, crew, in_order=in_order, last=self._all_read()).run()
        if plan.looks_up:
            # What was asked counts as much as what was written.
            seconds = time.perf_counter() - started
            crew.limiter.observe(Outcome(OutcomeKind.COMMITTED, seconds=seconds), len(chunk))

    async def _announce(self, pieces: Pieces) -> None:
        """Tell the journal what is about to leave, and which of its rows are on the server already."""
        assert self.crew.journal is not None
        rows = RowSet()
        for _, piece in pieces.calls:
            add_rows(rows, piece)
        if rows:
            await self.crew.journal.sent(rows, pieces.known)

    def _give_back(self) -> None:
        """Chunks that were read and did not leave before the run was stopped."""
        for ahead in (self._lanes, self._announced):
            for chunk in ahead.left() if ahead is not None else ():
                self._tally.give_back(chunk, self.crew.control.reason)

    def _forget(self, chunk: Chunk, message: str) -> None:
        if len(chunk):
            error = ServerError("zenoo_fast.Stopped", message)
            self._tally.settled(Settled(chunk, RowState.UNKNOWN, error=error))

    async def _drain(self, *, patient: bool = True) -> None:
        """Await what is in flight; a stopped run waits for a bounded time only."""
        grace = GRACE_SECONDS if patient else 0.0
        while self._tasks:
            stopped = self.crew.control.stopped
            try:
                await asyncio.wait(self._tasks, timeout=grace if stopped else None)
            except asyncio.CancelledError:
                if stopped:  # who stops a run once more does not wait
                    await self._cut_off()
                raise
            if stopped:
                await self._cut_off()

    async def _cut_off(self) -> None:
        """End what is in flight: its rows are unknown."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _may_block(self) -> str:
        """A plugin's transport works in this loop; ours do not block."""
        transport = type(self.crew.transport)
        ours = transport.__module__.startswith("zenoo_fast.")
        return "" if ours else f"the transport {getattr(transport, 'name', transport.__name__)}"

    def _called(self, outcome: Outcome, records: int) -> None:
        if outcome.kind is not OutcomeKind.COMMITTED or not self.crew.plan.looks_up:
            self.crew.limiter.observe(outcome, records)
        self.crew.sizer.observe(outcome, records)
        self._telling.called(outcome, records)

    async def _finish(self) -> None:
        crew, report = self.crew, self.report
        report.requests, report.retries = self._caller.requests, self._caller.retries
        report.seconds += self._telling.seconds
        await self._tally.close()
        self._telling.finish()
        if crew.events is not None:
            crew.events.run_finished(report)


def _without(chunk: Chunk, done: Iterable[AnyChunk]) -> Chunk:
    """The rows of a chunk that are in none of its parts that are done."""
    rows = RowSet()
    for one in done:
        add_rows(rows, one)
    return chunk.without(rows)
