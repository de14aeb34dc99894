"""What every progress reporter must hold."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest

from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.outcome import Outcome
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.importing import import_records
from zenoo_fast.plugins import manager
from zenoo_fast.progress.base import CallReporter, Progress, ProgressReporter, RunInfo
from zenoo_fast.sandbox import Sandbox

RUN = RunInfo("0123456789ab", "res.partner", "create", "partners.csv", 100, 4096, 0, "json2")


class ReporterSuite:
    """Subclass it under a name that begins with ``Test`` and say which reporter.

    Attributes:
        reporter: Its registered name, ``module:attr``, or its class.
        config: Keywords it is made with.
    """

    reporter: ClassVar[str | Callable[..., ProgressReporter]]
    config: ClassVar[Mapping[str, Any]] = {}

    def make(self) -> ProgressReporter:
        """A fresh reporter."""
        wanted = type(self).reporter
        if isinstance(wanted, str):
            made: ProgressReporter = manager.get("reporter", wanted).make(**self.config)
            return made
        return wanted(**self.config)

    def run(self, *reporters: ProgressReporter, **options: Any) -> ImportReport:
        """Import 300 records into a sandbox, 3 of which it refuses."""
        records = [{"name": False if number % 100 == 50 else f"n {number}"} for number in range(300)]

        async def body() -> ImportReport:
            async with Sandbox() as sandbox, ZenooClient(sandbox.url) as client:
                await client.login_with_api_key(sandbox.database, sandbox.login, sandbox.api_key)
                wanted = [_StrictCalls(one) if isinstance(one, CallReporter) else _Strict(one) for one in reporters]
                report = await import_records(
                    client, "res.partner", records, workers=0, chunk_size=50, progress=wanted, **options
                )
                for one in wanted:
                    assert one.error is None, "the reporter raised; a run leaves it out then"
                return report

        return asyncio.run(body())

    def test_takes_a_whole_run(self) -> None:
        """From its start to its end; the run does not notice."""
        report = self.run(self.make())
        assert (report.read, report.created, report.rejected) == (300, 297, 3)

    def test_takes_a_dry_run_and_a_stopped_one(self) -> None:
        """Runs end in more than one way."""
        assert self.run(self.make(), dry_run=True).dry_run
        assert self.run(self.make(), on_reject="stop").stopped

    def test_two_at_once(self) -> None:
        """Two runs have a reporter each."""
        first, second = self.make(), self.make()
        first.start(RUN)
        second.start(dataclasses.replace(RUN, run_id="ba9876543210", model="res.country"))
        first.update(Progress(read=10, done=5))
        second.update(Progress(read=1))
        second.finish(_report())
        first.update(Progress(read=100, done=100))
        first.finish(_report())

    def test_knows_nothing_of_the_totals(self) -> None:
        """A stream has no length; an outage has a note."""
        reporter = self.make()
        reporter.start(dataclasses.replace(RUN, total=None, total_bytes=None, source="-"))
        reporter.update(Progress())
        reporter.update(Progress(read=3, done=2, eta_seconds=None, note="the server is away, trying again in 3 s"))
        reporter.update(Progress(read=5, done=5, rejected=1, rows_per_second=1e9, eta_seconds=1e9))
        reporter.finish(_report(stopped="interrupted", not_read=True))

    def test_ends_without_an_update(self) -> None:
        """An empty input."""
        reporter = self.make()
        reporter.start(dataclasses.replace(RUN, total=0, total_bytes=0))
        reporter.finish(_report())

    def test_is_silent_on_standard_output(self, capfd: pytest.CaptureFixture[str]) -> None:
        """Standard output is the report's."""
        self.run(self.make())
        assert capfd.readouterr().out == ""


class _Strict:
    """Passes everything on and remembers what is raised, which a run only logs."""

    def __init__(self, reporter: ProgressReporter) -> None:
        self._reporter = reporter
        self.error: Exception | None = None

    def start(self, run: RunInfo, /) -> None:
        self._pass("start", run)

    def update(self, progress: Progress, /) -> None:
        self._pass("update", progress)

    def finish(self, report: ImportReport, /) -> None:
        self._pass("finish", report)

    def _pass(self, method: str, *values: object) -> None:
        try:
            getattr(self._reporter, method)(*values)
        except Exception as error:
            self.error = error
            raise


class _StrictCalls(_Strict):
    """The same for one that wants to know of calls."""

    def called(self, outcome: Outcome, records: int, /) -> None:
        self._pass("called", outcome, records)


def _report(**changes: Any) -> ImportReport:
    return ImportReport(RUN.run_id, RUN.model, RUN.mode, read=100, created=98, rejected=2, seconds=1.5, **changes)
