"""What the reporters write, with a clock in the test's hands."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from rich.console import Console

from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.outcome import Outcome, OutcomeKind, Reject
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.importing import import_records
from zenoo_fast.progress.base import CallReporter, Progress, RunInfo
from zenoo_fast.progress.choose import reporters
from zenoo_fast.progress.console import ConsoleReporter, duration
from zenoo_fast.progress.html import HtmlReporter
from zenoo_fast.progress.jsonl import JsonLinesReporter
from zenoo_fast.progress.plain import PlainReporter
from zenoo_fast.sandbox import Fault, Sandbox


def info(model: str = "res.partner", total: int | None = 1000, total_bytes: int | None = None) -> RunInfo:
    return RunInfo("run1", model, "create", "rows.csv", total, total_bytes, 2, "json2")


def report(model: str = "res.partner", **counts: int) -> ImportReport:
    made = ImportReport("run1", model, "create")
    for name, count in counts.items():
        setattr(made, name, count)
    return made


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-:--"), (0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3600, "1:00:00"), (90061, "25:01:01")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


class TestPlain:
    def test_a_line_every_few_seconds_and_when_the_server_is_away(self) -> None:
        now, stream = [100.0], io.StringIO()
        plain = PlainReporter(stream, every=5.0, clock=lambda: now[0])
        plain.start(info())
        for second in range(1, 12):
            now[0] = 100.0 + second
            note = "the server is away" if second in {7, 8} else ""
            plain.update(Progress(done=second, rows_per_second=2.5, rejected=1, in_flight=3, eta_seconds=61, note=note))
        plain.finish(report(read=11))
        lines = [line.removeprefix("res.partner: ") for line in stream.getvalue().splitlines()]
        assert lines == [
            "create from rows.csv over json2, 2 workers",
            "5 rows, 2/s, 1 rejected, 3 in flight, left 1:01",
            "the server is away",
            "the server is back",
            "10 rows, 2/s, 1 rejected, 3 in flight, left 1:01",
            "done: 11 rows read in 0.0 s",
        ]

    def test_a_stopped_run_says_why(self) -> None:
        stream = io.StringIO()
        plain = PlainReporter(stream)
        plain.start(info())
        ended = report(read=3)
        ended.stopped = "interrupted"
        plain.finish(ended)
        assert stream.getvalue().splitlines()[-1] == "res.partner: stopped: interrupted: 3 rows read in 0.0 s"


def test_json_lines_are_objects_with_an_event() -> None:
    stream = io.StringIO()
    lines = JsonLinesReporter(stream)
    lines.start(info())
    lines.update(Progress(read=7, done=5, note='a "note"\nof two lines'))
    lines.finish(report(read=7, created=6, rejected=1))
    start, progress, finish = map(json.loads, stream.getvalue().splitlines())
    assert (start["event"], start["model"], start["total"]) == ("start", "res.partner", 1000)
    assert (progress["event"], progress["done"], progress["note"]) == ("progress", 5, 'a "note"\nof two lines')
    assert (finish["event"], finish["created"], finish["rejected"], finish["stopped"]) == ("finish", 6, 1, "")


class TestBars:
    @pytest.fixture
    def console(self) -> Console:
        return Console(file=io.StringIO(), force_terminal=True, width=140, color_system=None)

    def shown(self, console: Console) -> str:
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    def test_one_display_for_runs_that_go_on_at_once(self, console: Console) -> None:
        partners, products = ConsoleReporter(console), ConsoleReporter(console)
        partners.start(info())
        products.start(info("product.product", total=None, total_bytes=5000))
        bars = ConsoleReporter._bars
        assert bars is not None
        assert len(bars.tasks) == 2
        partners.update(Progress(done=500, rows_per_second=1234.4, eta_seconds=65, rejected=2, in_flight=4))
        products.update(Progress(done=100, position=2500))
        bars.refresh()
        text = self.shown(console)
        assert "500 rows  1,234/s  left 1:05  2 rejected  4 in flight" in text
        assert "product.product create" in text
        assert [task.percentage for task in bars.tasks] == [50.0, 50.0]
        partners.finish(report())
        assert ConsoleReporter._bars is bars
        products.finish(report("product.product"))
        assert ConsoleReporter._bars is None
        assert [task.percentage for task in bars.tasks] == [100.0, 100.0]

    async def test_two_imports_at_once_show_two_bars(self, console: Console, sandbox: Sandbox) -> None:
        sandbox.faults.plan = [Fault("delay", method="create", seconds=0.05)]
        seen: list[int] = []

        class Counts(ConsoleReporter):
            def update(self, progress: Progress, /) -> None:
                super().update(progress)
                seen.append(len(self._bars.tasks) if self._bars is not None else 0)

        async with ZenooClient(sandbox.url) as client:
            await client.login_with_api_key(sandbox.database, sandbox.login, sandbox.api_key)
            records = [{"name": f"n {number}"} for number in range(200)]
            reports = await asyncio.gather(
                *(
                    import_records(client, model, records, chunk_size=20, concurrency=2, progress=Counts(console))
                    for model in ("res.partner", "res.partner.category")
                )
            )
        assert [one.created for one in reports] == [200, 200]
        assert max(seen) == 2
        assert ConsoleReporter._bars is None
        assert "res.partner create" in self.shown(console)
        assert "res.partner.category create" in self.shown(console)

    def test_a_stopped_run_leaves_the_bar_where_it_was(self, console: Console) -> None:
        bar = ConsoleReporter(console)
        bar.start(info())
        bar.update(Progress(done=250))
        bars = ConsoleReporter._bars
        assert bars is not None
        ended = report()
        ended.stopped = "interrupted"
        bar.finish(ended)
        assert bars.tasks[0].percentage == 25.0

    def test_what_is_told_is_not_taken_for_markup(self, console: Console) -> None:
        bar = ConsoleReporter(console)
        bar.start(info("x_[bold]"))
        bars = ConsoleReporter._bars
        assert bars is not None
        bar.update(Progress(note="away: [Errno 111] refused [/]"))
        bars.refresh()
        bar.finish(report())
        assert "x_[bold] create" in self.shown(console)
        assert "away: [Errno 111] refused [/]" in self.shown(console)

    def test_before_its_start_nothing_is_shown(self, console: Console) -> None:
        bar = ConsoleReporter(console)
        bar.update(Progress(done=1))
        bar.finish(report())
        assert self.shown(console) == ""


class TestHtml:
    def page(self, path: Path, ended: ImportReport, steps: int = 3) -> str:
        reporter = HtmlReporter(path)
        assert isinstance(reporter, CallReporter)
        reporter.start(info("res.<b>partner"))
        for step in range(steps):
            reporter.called(Outcome(OutcomeKind.COMMITTED, seconds=0.2), 100)
            reporter.called(Outcome(OutcomeKind.REFUSED, seconds=0.1), 100)
            reporter.update(Progress(done=100 * step, seconds=float(step), concurrency=4, chunk_size=100, in_flight=3))
        reporter.finish(ended)
        return path.read_text(encoding="utf-8")

    def test_the_page_stands_alone_and_adds_up(self, tmp_path: Path) -> None:
        ended = report(read=300, created=297, rejected=3)
        ended.rejects = [Reject(5, "color", "invalid_integer", '"<i>" is not a whole number', {})] * 2
        ended.rejects.append(Reject(9, None, "server", "Duplicate & more", {}))
        page = self.page(tmp_path / "run.html", ended)
        assert "http" not in page.replace("http-equiv", "")
        assert "<script" not in page
        assert "<i>" not in page
        assert "res.<b>" not in page
        assert "Duplicate &amp; more" in page
        assert page.count("<svg") == page.count("</svg>") == 4
        for svg in page.split("<svg")[1:]:
            ET.fromstring("<svg" + svg.partition("</svg>")[0] + "</svg>")
        # the commonest reason first
        assert page.index("invalid_integer") < page.index("<code>server</code>")
        for text in ("297", "99.00 %", "committed", "refused", "(row 5)"):
            assert text in page

    def test_a_run_of_nothing_has_a_page_too(self, tmp_path: Path) -> None:
        ended = report()
        ended.stopped = "no such <table>"
        page = self.page(tmp_path / "run.html", ended, steps=0)
        assert "Stopped: no such &lt;table&gt;" in page
        assert "Reasons of rejects" not in page

    def test_a_folder_that_is_not_there_is_told_before_the_run(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="no folder"):
            HtmlReporter(tmp_path / "nope" / "run.html")


class TestNames:
    def test_auto_takes_bars_on_a_terminal_and_lines_elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setattr(sys, "stderr", io.StringIO())
        assert [type(one) for one in reporters("auto")] == [PlainReporter]
        monkeypatch.setattr(sys, "stderr", Terminal())
        assert [type(one) for one in reporters("auto")] == [ConsoleReporter]

    def test_several_and_none(self, tmp_path: Path) -> None:
        found = reporters(["jsonl", "none", "plain=every=2"], html=tmp_path / "run.html")
        assert [type(one) for one in found] == [JsonLinesReporter, PlainReporter, HtmlReporter]
        assert reporters("none") == []
        plain = found[1]
        assert isinstance(plain, PlainReporter)
        assert plain._every == 2.0

    def test_an_unknown_one_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="fireworks"):
            reporters("fireworks")
