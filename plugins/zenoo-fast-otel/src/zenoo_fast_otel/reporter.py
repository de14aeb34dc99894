"""A span for each run and each call, and metrics of both, through the providers that the program has set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry import context, metrics, trace
from opentelemetry.trace import Status, StatusCode

from zenoo_fast.engine.outcome import Outcome, OutcomeKind
from zenoo_fast.progress.base import Progress, RunInfo

if TYPE_CHECKING:
    from zenoo_fast.engine.report import ImportReport

STATES = ("created", "updated", "unchanged", "deleted", "rejected", "unknown")
NAME = "zenoo_fast"


class OtelReporter:
    """Reports one run.

    Args:
        calls: Make a span for each call, too.
        tracer_provider: Of the spans; the program's own without.
        meter_provider: Of the metrics; the program's own without.
    """

    def __init__(
        self,
        *,
        calls: bool | str = True,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._calls = str(calls).lower() not in {"false", "0", "no"}
        self._tracer = trace.get_tracer(NAME, tracer_provider=tracer_provider)
        meter = metrics.get_meter(NAME, meter_provider=meter_provider)
        self._records = meter.create_counter("zenoo_fast.records", "{record}", "Records that came to their end")
        self._requests = meter.create_histogram("zenoo_fast.call.duration", "s", "Calls that carry records")
        self._sizes = meter.create_histogram("zenoo_fast.call.records", "{record}", "Records a call")
        self._in_flight = meter.create_up_down_counter("zenoo_fast.calls.in_flight", "{call}", "Calls under way")
        self._attributes: dict[str, str] = {}
        self._counted = dict.fromkeys(STATES, 0)
        self._flying = 0
        self._span: trace.Span = trace.INVALID_SPAN

    def start(self, run: RunInfo, /) -> None:
        """Begin the run's span."""
        self._attributes = {"odoo.model": run.model, "zenoo_fast.mode": run.mode, "zenoo_fast.transport": run.transport}
        self._span = self._tracer.start_span(f"import {run.model}", attributes=self._attributes)
        self._span.set_attribute("zenoo_fast.run_id", run.run_id)
        self._span.set_attribute("zenoo_fast.workers", run.workers)

    def update(self, progress: Progress, /) -> None:
        """Count what has come to its end since."""
        self._count(progress)
        self._in_flight.add(progress.in_flight - self._flying, self._attributes)
        self._flying = progress.in_flight

    def called(self, outcome: Outcome, records: int, /) -> None:
        """One call: its duration, size and outcome; its span ends now and began that long ago."""
        attributes = {**self._attributes, "zenoo_fast.outcome": outcome.kind.value}
        if outcome.error is not None:
            attributes["error.type"] = outcome.error.name
        parent = trace.set_span_in_context(self._span, context.get_current())
        self._requests.record(outcome.seconds, attributes, parent)
        self._sizes.record(records, attributes, parent)
        if not self._calls:
            return
        end = time.time_ns()
        span = self._tracer.start_span(
            "call",
            parent,
            kind=trace.SpanKind.CLIENT,
            attributes={**attributes, "zenoo_fast.records": records},
            start_time=end - int(outcome.seconds * 1e9),
        )
        if outcome.kind is not OutcomeKind.COMMITTED:
            # The message may hold the records' own data: the error's name is enough for monitoring.
            span.set_status(Status(StatusCode.ERROR, outcome.error.name if outcome.error else None))
        span.end(end)

    def finish(self, report: ImportReport, /) -> None:
        """Count the rest, and end the run's span."""
        self._count(report)
        self._in_flight.add(-self._flying, self._attributes)
        self._flying = 0
        for state in ("read", *STATES):
            self._span.set_attribute(f"zenoo_fast.{state}", getattr(report, state))
        if report.stopped or report.unknown:
            self._span.set_status(Status(StatusCode.ERROR, report.stopped or "rows whose end is not known"))
        self._span.end()

    def _count(self, counts: Progress | ImportReport) -> None:
        for state in STATES:
            total = getattr(counts, state)
            if total > self._counted[state]:
                self._records.add(total - self._counted[state], {**self._attributes, "zenoo_fast.state": state})
                self._counted[state] = total
