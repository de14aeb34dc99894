"""The HTML report of a real run, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import opened, save

from zenoo_fast.sandbox import Fault

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox

ROWS = 3000
BAD = {7: ("blue", "color"), 8: ("green", "color"), 1500: ("<script>alert(1)</script>", "color")}

MEASURE = """
[...document.querySelectorAll('figure')].map(figure => {
  const frame = figure.querySelector('svg').getBoundingClientRect();
  const lines = [...figure.querySelectorAll('polyline')].map(line => {
    const box = line.getBoundingClientRect();
    const style = getComputedStyle(line);
    return {width: box.width, inside: box.left >= frame.left - 2 && box.right <= frame.right + 2
            && box.top >= frame.top - 2 && box.bottom <= frame.bottom + 2, stroke: style.stroke};
  });
  return {title: figure.querySelector('figcaption').innerText, lines, wide: frame.width, high: frame.height};
})
"""


@pytest.fixture
async def page_file(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> Path:
    """The report of a run with rejects, a refused call and some time to it."""
    sandbox.faults.plan = [
        Fault("delay", method="create", seconds=0.04),
        Fault("status", method="create", calls=(9,), status=503, retry_after=0.1),
    ]
    lines = [f"Row {row},{BAD[row][0] if row in BAD else 1}" for row in range(ROWS)]
    (tmp_path / "rows.csv").write_text("name,color\n" + "\n".join(lines) + "\n")
    command = ("import", "rows.csv", "--model", "res.partner", "--chunk-size", "50", "--concurrency", "3")
    ended = await zenoo_fast(*command, "--report", "run.html", "--quiet", server=sandbox)
    assert (ended.code, ended.err) == (1, "")
    return tmp_path / "run.html"


@pytest.mark.parametrize("dark", [False, True])
async def test_a_browser_shows_the_report(page_file: Path, dark: bool) -> None:
    async with opened(page_file.as_uri(), dark=dark) as page:
        figures = await page.evaluate(MEASURE)
        text = await page.evaluate("document.body.innerText")
        colours = await page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        bars = await page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('.bar span')]"
            ".map(bar => [bar.className, bar.getBoundingClientRect().width]))"
        )
        overflow = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        save(await page.screenshot(), f"report-{'dark' if dark else 'light'}.png")
    assert page.complaints == []
    assert [one for one in page.requests if not one.startswith("data:")] == []
    assert [one["title"].partition(",")[0] for one in figures] == [
        "Throughput",
        "Time of a call",
        "Calls at once allowed in flight",
        "Records a call",
    ]
    for figure in figures:
        assert figure["lines"], figure
        assert all(line["inside"] and line["stroke"] != "none" for line in figure["lines"]), figure
        assert max(line["width"] for line in figure["lines"]) > figure["wide"] / 2, figure
    assert f"{ROWS:,} rows in" in text
    assert "2,997" in text
    assert '"blue" is not a whole number' in text
    assert "<script>alert(1)</script>" in text  # shown, not run
    assert "refused" in text or "not_executed" in text
    assert bars["created"] > 300
    assert not overflow
    assert (colours[0] == "rgb(255, 255, 255)") is not dark
    assert colours[0] != colours[1]


async def test_the_report_fits_a_narrow_screen(page_file: Path) -> None:
    async with opened(page_file.as_uri(), width=420) as page:
        overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        save(await page.screenshot(), "report-narrow.png")
    assert overflow <= 0


async def test_the_browser_would_tell_of_faults(tmp_path: Path) -> None:
    """The test above can fail: a page with an error in a script and a request is told."""
    file = tmp_path / "bad.html"
    file.write_text('<!doctype html><img src="http://127.0.0.1:9/x.png"><script>nope()</script>')
    async with opened(file.as_uri()) as page:
        await page.evaluate("1")
    assert page.complaints
    assert page.requests == ["http://127.0.0.1:9/x.png"]
