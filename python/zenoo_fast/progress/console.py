"""Progress bars on a terminal."""

from __future__ import annotations

import threading
from typing import ClassVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from zenoo_fast.engine.report import ImportReport
from zenoo_fast.progress.base import Progress, RunInfo


def duration(seconds: float | None) -> str:
    """``1:02:03`` or ``2:03``; dashes where it is not known."""
    if seconds is None:
        return "-:--"
    hours, rest = divmod(int(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


class ConsoleReporter:
    """A bar a run: rows, rate, time left, rejected, calls in flight. Runs that go on at once share one display."""

    _bars: ClassVar[Bars | None] = None
    _running: ClassVar[int] = 0
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._task: TaskID | None = None
        self._run: RunInfo | None = None

    def start(self, run: RunInfo, /) -> None:
        """Show the bar."""
        cls = type(self)
        with cls._lock:
            if cls._bars is None:
                cls._bars = Bars(
                    TextColumn("{task.description}"),
                    BarColumn(),
                    TextColumn("{task.percentage:>3.0f}%"),
                    TextColumn("{task.fields[facts]}"),
                    TimeElapsedColumn(),
                    console=self._console,
                )
                cls._bars.start()
            cls._running += 1
            self._run = run
            total = run.total if run.total is not None else run.total_bytes
            self._task = cls._bars.add_task(escape(f"{run.model} {run.mode}"), total=total, facts="")

    def update(self, progress: Progress, /) -> None:
        """Move the bar."""
        bars = self._bars
        if bars is None or self._task is None or self._run is None:
            return
        completed = progress.done if self._run.total is not None else progress.position
        facts = f"{progress.done:,} rows  {progress.rows_per_second:,.0f}/s  left {duration(progress.eta_seconds)}"
        if progress.rejected:
            facts += f"  [red]{progress.rejected:,} rejected[/]"
        facts += f"  {progress.in_flight} in flight"
        if progress.note:
            facts += f"  [yellow]{escape(progress.note)}[/]"
        bars.update(self._task, completed=completed, facts=facts)

    def finish(self, report: ImportReport, /) -> None:
        """Leave the bar as it stands; the last run ends the display."""
        cls = type(self)
        with cls._lock:
            if cls._bars is None or self._task is None:
                return
            if not report.stopped:
                total = next(task.total for task in cls._bars.tasks if task.id == self._task)
                cls._bars.update(self._task, completed=total or 1, total=total or 1)
            cls._running -= 1
            if cls._running == 0:
                cls._bars.stop()
                cls._bars = None
