"""Our own reporters hold what the kit asks of a third party's."""

from __future__ import annotations

import pytest

from zenoo_fast.testing import ReporterSuite


class TestRich(ReporterSuite):
    reporter = "rich"


class TestPlain(ReporterSuite):
    reporter = "plain"


class TestJsonLines(ReporterSuite):
    reporter = "jsonl"


class Raises:
    def start(self, _run: object) -> None:
        raise RuntimeError("not today")

    def update(self, _progress: object) -> None: ...

    def finish(self, _report: object) -> None: ...


class Talks(Raises):
    def start(self, _run: object) -> None:
        print("on stdout")  # noqa: T201 - what the suite must find


def test_the_suite_finds_a_reporter_that_raises() -> None:
    suite = type("Suite", (ReporterSuite,), {"reporter": Raises})()
    with pytest.raises(AssertionError, match="raised"):
        suite.test_takes_a_whole_run()


def test_the_suite_finds_a_reporter_that_talks_on_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    suite = type("Suite", (ReporterSuite,), {"reporter": Talks})()
    with pytest.raises(AssertionError):
        suite.test_is_silent_on_standard_output(capfd)
