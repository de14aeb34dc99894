"""Progress as plain lines, for logs and pipes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

from zenoo_fast.engine.report import ImportReport
from zenoo_fast.progress.base import Progress, RunInfo
from zenoo_fast.progress.console import duration


class PlainReporter:
    """A line every few seconds, and one when the run begins to wait for the server or goes on.

    Args:
        stream: Where to; standard error without.
        every: Seconds between lines.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, stream: TextIO | None = None, every: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream or sys.stderr
        self._every = float(every)  # a text, where it comes from the command line
        self._clock = clock
        self._next = 0.0
        self._note = ""
        self._name = ""

    def start(self, run: RunInfo, /) -> None:
        """Say what begins."""
        self._name = run.model
        workers = f"{run.workers} workers" if run.workers else "in this process"
        self._say(f"{run.mode} from {run.source} over {run.transport}, {workers}")
        self._next = self._clock() + self._every

    def update(self, progress: Progress, /) -> None:
        """A line, when it is time."""
        if progress.note != self._note:
            self._note = progress.note
            self._say(progress.note or "the server is back")
        if self._clock() < self._next:
            return
        self._next = self._clock() + self._every
        left = f", left {duration(progress.eta_seconds)}" if progress.eta_seconds is not None else ""
        self._say(
            f"{progress.done:,} rows, {progress.rows_per_second:,.0f}/s, {progress.rejected:,} rejected, "
            f"{progress.in_flight} in flight{left}"
        )

    def finish(self, report: ImportReport, /) -> None:
        """Say how it ended."""
        ended = f"stopped: {report.stopped}" if report.stopped else "done"
        self._say(f"{ended}: {report.read:,} rows read in {report.seconds:.1f} s")

    def _say(self, text: str) -> None:
        print(f"{self._name}: {text}", file=self._stream, flush=True)
