"""Tells the reporters of a run how it goes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from zenoo_fast.engine.caller import Caller
from zenoo_fast.engine.crew import Crew
from zenoo_fast.engine.outcome import Outcome
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.plugins.held import watched
from zenoo_fast.plugins.registry import reason
from zenoo_fast.progress.base import CallReporter, Progress

logger = logging.getLogger(__name__)

_REPORT_EVERY = 0.1
_TICK = 0.5
_RATE_WINDOW = 5.0


class Telling:
    """Progress of one run, at most ten times a second; a reporter that fails is left out.

    Args:
        crew: The reporters, and what there is to tell.
        report: The counts.
        caller: Counts the calls.
        position: Gives the bytes read so far.
        dry_run: Rows come to their end by being read.
    """

    def __init__(
        self, crew: Crew, report: ImportReport, caller: Caller, position: Callable[[], int], *, dry_run: bool
    ) -> None:
        self._crew = crew
        self._report = report
        self._caller = caller
        self._position = position
        self._dry_run = dry_run
        self._started = time.perf_counter()
        self._told_at = 0.0
        self._rates: list[tuple[float, int]] = []
        self._broken: set[int] = set()
        self._of_calls = [one for one in crew.reporters if isinstance(one, CallReporter)]

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.perf_counter() - self._started

    def start(self) -> None:
        """The run begins."""
        self._tell("start", self._crew.info)

    def called(self, outcome: Outcome, records: int) -> None:
        """A call has come to its end."""
        if self._of_calls:
            self._tell("called", outcome, records, reporters=self._of_calls)

    def finish(self) -> None:
        """The run has come to its end: the last progress, and the report."""
        self.moved(force=True)
        self._tell("finish", self._report)

    async def tick(self) -> None:
        """Tell of a run in which nothing moves, too. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(_TICK)
            self.moved()

    def moved(self, *, force: bool = False) -> None:
        """Some count has changed."""
        if not self._crew.reporters:
            return
        now = time.perf_counter()
        if force or now - self._told_at >= _REPORT_EVERY:
            self._told_at = now
            self._tell("update", self._progress(now))

    def _progress(self, now: float) -> Progress:
        report, crew = self._report, self._crew
        done = report.read if self._dry_run else report.settled
        self._rates.append((now, done))
        while now - self._rates[0][0] > _RATE_WINDOW and len(self._rates) > 2:
            del self._rates[0]
        since, before = self._rates[0] if len(self._rates) > 1 else (self._started, 0)
        rate = (done - before) / (now - since) if now > since else 0.0
        breaker = crew.policy.breaker
        position = self._position()
        return Progress(
            read=report.read,
            position=position,
            done=done,
            created=report.created,
            updated=report.updated,
            unchanged=report.unchanged,
            deleted=report.deleted,
            rejected=report.rejected,
            unknown=report.unknown,
            seconds=now - self._started,
            rows_per_second=rate,
            eta_seconds=self._eta(done, rate, position),
            in_flight=crew.limiter.in_flight,
            chunk_size=crew.sizer.size,
            concurrency=crew.limiter.limit,
            requests=self._caller.requests,
            retries=self._caller.retries,
            note=breaker.note if breaker is not None else "",
        )

    def _eta(self, done: int, rate: float, position: int) -> float | None:
        info = self._crew.info
        total: float | None = info.total
        if total is None and info.total_bytes and position and self._report.read:
            total = self._report.read * info.total_bytes / position
        return (total - done) / rate if total is not None and rate > 0 else None

    def _tell(self, method: str, *values: object, reporters: Sequence[object] | None = None) -> None:
        for reporter in self._crew.reporters if reporters is None else reporters:
            if id(reporter) in self._broken:
                continue
            name = type(reporter).__name__
            try:
                with watched(f"progress reporter {name}"):
                    getattr(reporter, method)(*values)
            except Exception as error:  # noqa: BLE001 - a reporter never fails a run
                self._broken.add(id(reporter))
                logger.warning("progress reporter %s failed in %s and is left out: %s", name, method, reason(error))
