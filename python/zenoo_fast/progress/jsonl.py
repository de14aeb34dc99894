"""Progress as JSON lines, for programs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any, TextIO

from zenoo_fast.engine.report import ImportReport
from zenoo_fast.progress.base import Progress, RunInfo

FINAL = ("read", "created", "updated", "unchanged", "deleted", "rejected", "unknown", "seconds", "requests", "retries")


class JsonLinesReporter:
    """One JSON object a line: ``{"event": "start" | "progress" | "finish", …}``.

    Args:
        stream: Where to; standard error without.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def start(self, run: RunInfo, /) -> None:
        """The run's facts."""
        self._say("start", asdict(run))

    def update(self, progress: Progress, /) -> None:
        """Where it stands."""
        self._say("progress", asdict(progress))

    def finish(self, report: ImportReport, /) -> None:
        """The counts."""
        self._say("finish", {**{name: getattr(report, name) for name in FINAL}, "stopped": report.stopped})

    def _say(self, event: str, facts: dict[str, Any]) -> None:
        print(json.dumps({"event": event, **facts}), file=self._stream, flush=True)
