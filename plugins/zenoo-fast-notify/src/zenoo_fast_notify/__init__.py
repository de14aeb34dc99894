"""The simplest useful plugin: runs a command when an import ends."""

import shlex
import shutil
import subprocess
import threading

from zenoo_fast.engine.report import ImportReport
from zenoo_fast.plugins import hookimpl
from zenoo_fast.progress.base import Progress, ProgressReporter, RunInfo


class Notify:
    """A progress reporter; ``command`` gets one more argument, the line that says how it ended."""

    def __init__(self, command: str = "notify-send zenoo-fast") -> None:
        self.command = shlex.split(command)
        if not self.command or shutil.which(self.command[0]) is None:
            raise ValueError(f"there is no command {command!r}")

    def start(self, run: RunInfo, /) -> None:
        """Remember what runs."""
        self.name = f"import into {run.model}"

    def update(self, progress: Progress, /) -> None:
        """Nothing yet."""

    def finish(self, report: ImportReport, /) -> None:
        """Run the command in a thread: reporters are called in the loop that sends, and must not wait."""
        ended = f"stopped ({report.stopped})" if report.stopped else "done"
        text = f"{self.name}: {ended}, {report.read - report.rejected - report.unknown} of {report.read} rows are in"
        quiet = {"stdout": subprocess.DEVNULL}
        threading.Thread(target=subprocess.run, args=([*self.command, text],), kwargs=quiet).start()


@hookimpl
def register_reporters() -> dict[str, type[ProgressReporter]]:
    """``notify``."""
    return {"notify": Notify}
