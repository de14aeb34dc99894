"""One self-contained HTML page a run: plots, counts, the reasons of rejects. No script, no network."""

from __future__ import annotations

import collections
import html
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from zenoo_fast.engine.outcome import Outcome, OutcomeKind
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.progress.base import Progress, RunInfo
from zenoo_fast.progress.plots import Series, plot
from zenoo_fast.progress.timeline import Timeline

COUNTS = ("created", "updated", "unchanged", "deleted", "rejected", "unknown")
_REASONS = 15


class HtmlReporter:
    """Writes the page when the run ends, however it does.

    Args:
        path: The page's file; an older one is replaced.

    Raises:
        ConfigurationError: There is no such folder: said before the run, not after hours.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise ConfigurationError(f"{path}: there is no folder {self.path.parent} to write the report into")
        self._run: RunInfo | None = None
        self._timeline = Timeline()
        self._outcomes: collections.Counter[str] = collections.Counter()
        self._began = 0.0
        self._done = 0

    def start(self, run: RunInfo, /) -> None:
        """Remember what runs."""
        self._run = run
        self._began = time.perf_counter()

    def called(self, outcome: Outcome, records: int, /) -> None:
        """One call more, of whatever outcome."""
        del records
        span = self._timeline.at(time.perf_counter() - self._began)
        span.latencies.append(outcome.seconds)
        self._outcomes[outcome.kind.value] += 1
        if outcome.kind is not OutcomeKind.COMMITTED:
            span.failures += 1

    def update(self, progress: Progress, /) -> None:
        """Where it stands."""
        span = self._timeline.at(progress.seconds)
        span.rows += progress.done - self._done
        self._done = progress.done
        span.concurrency, span.chunk_size = progress.concurrency, progress.chunk_size
        span.in_flight = max(span.in_flight, progress.in_flight)

    def finish(self, report: ImportReport, /) -> None:
        """Write the page.

        Raises:
            OSError: It cannot be written.
        """
        assert self._run is not None
        self.path.write_text(self._page(self._run, report), encoding="utf-8")

    def _page(self, run: RunInfo, report: ImportReport) -> str:
        ended = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        facts = (
            f"{report.read:,} rows in {report.seconds:,.1f} s, {report.rows_per_second:,.0f} rows/s; "
            f"{report.requests:,} calls, {report.retries:,} of them repeated; over {run.transport}, "
            f"{f'{run.workers} workers' if run.workers else 'in one process'}; run {run.run_id}, ended {ended}"
        )
        stopped = f'<p class="note">Stopped: {html.escape(report.stopped)}</p>' if report.stopped else ""
        body = (
            f'<p class="soft">{html.escape(facts)}</p>{stopped}'
            f"{_counts(report)}<h2>Over time</h2><div class=grid>{self._plots()}</div>"
            f"{_calls(self._outcomes)}{_reasons(report)}"
        )
        return document(f"{run.model}: {run.mode} from {run.source}", body)

    def _plots(self) -> str:
        line, spans = self._timeline, self._timeline.spans
        rates = [one.rows / line.seconds for one in spans]
        median = [_milliseconds(one.latency(0.5)) for one in spans]
        slow = [_milliseconds(one.latency(0.95)) for one in spans]
        return "".join(
            (
                plot("Throughput, rows/s", line.seconds, [Series("rows/s", rates)]),
                plot("Time of a call, ms", line.seconds, [Series("median", median), Series("95th percentile", slow)]),
                plot(
                    "Calls at once",
                    line.seconds,
                    [
                        Series("allowed", [one.concurrency for one in spans]),
                        Series("in flight", [one.in_flight for one in spans]),
                    ],
                ),
                plot("Records a call", line.seconds, [Series("chunk size", [one.chunk_size for one in spans])]),
            )
        )


def document(title: str, body: str) -> str:
    """A whole page that needs nothing else.

    Args:
        title: Plain text.
        body: HTML.
    """
    title = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title>'
        f'<link rel="icon" href="data:,"><style>{_style()}</style></head><body>'
        f"<h1>{title}</h1>{body}</body></html>\n"
    )


def _style() -> str:
    return (resources.files("zenoo_fast.progress") / "report.css").read_text(encoding="utf-8")


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _counts(report: ImportReport) -> str:
    total = max(1, report.read)
    parts = [(name, getattr(report, name)) for name in COUNTS]
    bars = "".join(f'<span class="{name}" style="width:{100 * count / total:.3f}%"></span>' for name, count in parts)
    rows = "".join(
        f'<tr><td>{name}</td><td class="number">{count:,}</td><td class="number">{100 * count / total:.2f} %</td></tr>'
        for name, count in [("read", report.read), *((name, count) for name, count in parts if count)]
    )
    return f'<h2>Rows</h2><div class="bar">{bars}</div><table>{rows}</table>'


def _calls(outcomes: collections.Counter[str]) -> str:
    if not outcomes:
        return ""
    rows = "".join(
        f'<tr><td>{name}</td><td class="number">{count:,}</td></tr>' for name, count in outcomes.most_common()
    )
    return f"<h2>Calls by outcome</h2><table>{rows}</table>"


def _reasons(report: ImportReport) -> str:
    """The most frequent reasons; rejects differ in their row and value, the code and the field tell them apart."""
    if not report.rejects:
        return ""
    groups: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for one in report.rejects:
        groups.setdefault((one.code, one.field or ""), []).append((one.row, one.message))
    ranked = sorted(groups.items(), key=lambda group: -len(group[1]))[:_REASONS]
    rows = "".join(
        f'<tr><td class="number">{len(found):,}</td><td><code>{html.escape(code)}</code></td>'
        f"<td><code>{html.escape(name)}</code></td><td>{_examples(found)}</td></tr>"
        for (code, name), found in ranked
    )
    few = "" if report.rejected == len(report.rejects) else f", counted on the first {len(report.rejects):,}"
    place = f" All of them: <code>{html.escape(str(report.rejects_file))}</code>" if report.rejects_file else ""
    return (
        f'<h2>Reasons of rejects</h2><p class="soft">{report.rejected:,} rows{few}.{place}</p><table><tr>'
        f'<th class="number">rows</th><th>code</th><th>field</th><th>examples</th></tr>{rows}</table>'
    )


def _examples(found: Sequence[tuple[int, str]]) -> str:
    shown = {message: row for row, message in reversed(found)}
    return "<br>".join(
        f'{html.escape(message)} <span class="soft">(row {row})</span>'
        for message, row in list(shown.items())[-3:][::-1]
    )
