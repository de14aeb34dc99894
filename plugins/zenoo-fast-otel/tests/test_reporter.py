"""The kit's suite, and what arrives at OpenTelemetry's own SDK."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from zenoo_fast.testing import ReporterSuite
from zenoo_fast_otel.reporter import OtelReporter


class TestOtel(ReporterSuite):
    reporter = "otel"


class Told:
    """What an exporter got."""

    def __init__(self, **config: Any) -> None:
        self.spans = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        meters = MeterProvider([self.reader])
        self.reporter = OtelReporter(tracer_provider=tracers, meter_provider=meters, **config)

    def points(self, name: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        assert data is not None
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
        return [
            point
            for one in scopes
            for metric in one.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


def test_a_run_and_its_calls_are_spans() -> None:
    told = Told()
    report = ReporterSuite().run(told.reporter, run_id="abc")
    *calls, run = told.spans.get_finished_spans()
    assert run.name == "import res.partner"
    assert run.attributes is not None
    assert run.attributes["zenoo_fast.run_id"] == "abc"
    assert (run.attributes["zenoo_fast.created"], run.attributes["zenoo_fast.rejected"]) == (297, 3)
    assert run.status.is_ok
    assert len(calls) == report.requests
    assert {call.parent.span_id for call in calls if call.parent} == {run.context.span_id}
    outcomes = [dict(call.attributes or {}) for call in calls]
    committed = [one for one in outcomes if one["zenoo_fast.outcome"] == "committed"]
    assert sum(one["zenoo_fast.records"] for one in committed) == 297
    refused = [call for call, one in zip(calls, outcomes, strict=True) if one["zenoo_fast.outcome"] == "refused"]
    assert {call.status.description for call in refused} == {"odoo.exceptions.ValidationError"}
    for call in calls:
        assert run.start_time is not None
        assert call.start_time is not None
        assert call.end_time is not None
        assert call.start_time < call.end_time


def test_metrics_add_up() -> None:
    told = Told()
    report = ReporterSuite().run(told.reporter)
    states = {point.attributes["zenoo_fast.state"]: point.value for point in told.points("zenoo_fast.records")}
    assert states == {"created": report.created, "rejected": report.rejected}
    durations = told.points("zenoo_fast.call.duration")
    assert {one.attributes["zenoo_fast.outcome"] for one in durations} == {"committed", "refused"}
    assert sum(one.count for one in durations) == report.requests
    assert all(one.sum > 0 and one.attributes["odoo.model"] == "res.partner" for one in durations)
    assert told.points("zenoo_fast.calls.in_flight")[0].value == 0


def test_a_stopped_run_is_an_error() -> None:
    told = Told()
    ReporterSuite().run(told.reporter, on_reject="stop")
    run = told.spans.get_finished_spans()[-1]
    assert not run.status.is_ok
    assert run.status.description


@pytest.mark.parametrize("calls", [False, "false"])
def test_spans_of_calls_can_be_left_out(calls: bool | str) -> None:
    told = Told(calls=calls)
    ReporterSuite().run(told.reporter)
    assert [span.name for span in told.spans.get_finished_spans()] == ["import res.partner"]
