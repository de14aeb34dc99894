"""Line plots as SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 480, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 24
_COLOURS = ("one", "two")


class Series(NamedTuple):
    """One line.

    Attributes:
        name: For the key.
        values: At equal distances; ``None`` where there is none, which interrupts the line.
    """

    name: str
    values: Sequence[float | None]


def plot(title: str, step: float, series: Sequence[Series]) -> str:
    """A figure with one plot of at most two lines over time.

    Args:
        title: Caption, with the unit.
        step: Seconds from value to value.
        series: The lines.
    """
    count = max((len(one.values) for one in series), default=0)
    top = _round_up(max((value for one in series for value in one.values if value is not None), default=0.0))
    lines = "".join(_line(one.values, count, top, colour) for one, colour in zip(series, _COLOURS, strict=False))
    key = "" if len(series) < 2 else _key(series)
    return (
        f"<figure><figcaption>{html.escape(title)} {key}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">'
        f"{_axes(top, count * step)}{lines}</svg></figure>"
    )


def bars(title: str, values: Sequence[tuple[str, float]]) -> str:
    """A figure with one bar a value.

    Args:
        title: Caption, with the unit.
        values: What each bar is called, and its height.
    """
    top = _round_up(max((value for _, value in values), default=0.0))
    each = (WIDTH - _LEFT - _RIGHT) / max(1, len(values))
    parts = []
    for number, (name, value) in enumerate(values):
        x, y = _LEFT + each * (number + 0.15), _y(value, top)
        parts.append(
            f'<rect class="column" x="{x:.1f}" y="{y:.1f}" width="{each * 0.7:.1f}" '
            f'height="{HEIGHT - _BOTTOM - y:.1f}"><title>{_number(value)}</title></rect>'
            f'<text x="{x + each * 0.35:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{html.escape(name)}</text>'
        )
    return (
        f'<figure><figcaption>{html.escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{html.escape(title)}">{_lines(top)}{"".join(parts)}</svg></figure>'
    )


def _key(series: Sequence[Series]) -> str:
    names = zip(series, _COLOURS, strict=False)
    words = " ".join(f'<b class="{colour}">{html.escape(line.name)}</b>' for line, colour in names)
    return f'<span class="key">{words}</span>'


def _x(at: float, count: int) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * (at / max(1, count - 1))


def _y(value: float, top: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / top


def _line(values: Sequence[float | None], count: int, top: float, colour: str) -> str:
    pieces: list[list[str]] = [[]]
    for at, value in enumerate(values):
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{_x(at, count):.1f},{_y(value, top):.1f}")
    # A single point is drawn as a dash: a line of no length would not be seen.
    drawn = [piece if len(piece) > 1 else [piece[0], _beside(piece[0])] for piece in pieces if piece]
    return "".join(f'<polyline class="line {colour}" points="{" ".join(piece)}"/>' for piece in drawn)


def _beside(point: str) -> str:
    x, _, y = point.partition(",")
    return f"{float(x) + 3:.1f},{y}"


def _lines(top: float) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = _y(top * share, top)
        parts.append(f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(top * share)}</text>')
    return "".join(parts)


def _axes(top: float, seconds: float) -> str:
    parts = [_lines(top)]
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        x = _LEFT + (WIDTH - _LEFT - _RIGHT) * share
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{_time(seconds * share)}</text>')
    return "".join(parts)


def _round_up(value: float) -> float:
    """The next number of the form 1, 2 or 5 times a power of ten."""
    if value < 1e-9:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= value * 0.999)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
