"""The kit's suite, and the command."""

from __future__ import annotations

import inspect
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest

import zenoo_fast_notify
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.progress.choose import reporters
from zenoo_fast.testing import ReporterSuite


class TestNotify(ReporterSuite):
    reporter = "notify"
    config = MappingProxyType({"command": f"{sys.executable} -c pass"})


@pytest.fixture(autouse=True)
def _commands_end() -> Iterator[None]:
    yield
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(10)


@pytest.mark.parametrize(
    ("on_reject", "ended"), [("continue", "done, 297 of 300 rows are in"), ("stop", "stopped (row ")]
)
def test_the_command_gets_one_line(tmp_path: Path, on_reject: str, ended: str) -> None:
    script = tmp_path / "tell.py"
    script.write_text("import json, sys\njson.dump(sys.argv[1:], open(sys.argv[0] + '.json', 'w'))\n")
    reporter = zenoo_fast_notify.Notify(f"{sys.executable} {script}")
    ReporterSuite().run(reporter, on_reject=on_reject)
    for thread in threading.enumerate():
        if "run" in thread.name:
            thread.join(10)
    (line,) = json.loads((tmp_path / "tell.py.json").read_text())
    assert line.startswith("import into res.partner: ")
    assert ended in line


def test_a_command_that_is_not_there_is_told_before_the_run() -> None:
    with pytest.raises(ConfigurationError, match=r"reporter notify .*there is no command 'no-such-command'"):
        reporters("notify=command=no-such-command")


def test_it_is_as_short_as_it_says() -> None:
    assert len(inspect.getsource(zenoo_fast_notify).splitlines()) < 40
