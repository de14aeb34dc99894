"""Spans of time that stay bounded, and the plots made of them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from zenoo_fast.progress.plots import HEIGHT, WIDTH, Series, plot
from zenoo_fast.progress.timeline import MOST_SPANS, Span, Timeline


@given(st.lists(st.tuples(st.floats(0, 200_000), st.integers(0, 1000)), max_size=60))
def test_no_row_is_lost_however_long_a_run_is(moments: list[tuple[float, int]]) -> None:
    line = Timeline()
    for seconds, rows in sorted(moments):
        line.at(seconds).rows += rows
    assert sum(one.rows for one in line.spans) == sum(rows for _, rows in moments)
    assert len(line.spans) <= MOST_SPANS
    if moments:
        assert len(line.spans) * line.seconds >= max(seconds for seconds, _ in moments)


def test_what_holds_on_is_carried_on_through_quiet_spans() -> None:
    line = Timeline(seconds=1.0)
    line.at(0).concurrency = 4
    line.at(3).chunk_size = 200
    assert [(one.concurrency, one.chunk_size) for one in line.spans] == [(4, 0), (4, 0), (4, 0), (4, 200)]


def test_latencies_of_merged_spans_are_thinned_out() -> None:
    line = Timeline(seconds=1.0)
    for second in range(MOST_SPANS * 8):
        line.at(second).latencies.extend([0.1, 0.2, 0.3])
    assert all(len(one.latencies) <= 200 for one in line.spans)
    assert all(one.latency(0.5) is not None for one in line.spans[:-1])


def test_quantiles() -> None:
    assert Span().latency(0.5) is None
    assert Span(latencies=[0.4]).latency(0.95) == 0.4
    span = Span(latencies=[number / 100 for number in range(101)])
    assert span.latency(0.5) == 0.5
    assert span.latency(0.95) == 0.95


_VALUES = st.lists(st.none() | st.floats(0, 1e12), max_size=30)


@given(_VALUES, _VALUES)
def test_every_line_is_inside_its_frame(one: list[float | None], two: list[float | None]) -> None:
    figure = ET.fromstring(plot("A & B, <rows>", 0.25, [Series("one", one), Series("two", two)]))
    lines = figure.findall(".//polyline")
    points = [tuple(map(float, point.split(","))) for line in lines for point in line.attrib["points"].split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert bool(points) is any(value is not None for value in one + two)


def test_a_gap_interrupts_the_line_and_a_single_point_is_seen() -> None:
    text = plot("x", 1.0, [Series("one", [1.0, 2.0, None, 3.0])])
    lines = re.findall(r'points="([^"]*)"', text)
    assert [len(line.split()) for line in lines] == [2, 2]
