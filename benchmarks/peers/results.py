"""What was found, as plain data that survives an interrupted run, and as the page that people read."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import machine_facts
from benchmarks.peers.environments import PEERS, versions
from benchmarks.peers.measure import Measured, Runs

RESULTS = Path(__file__).parents[1] / "RESULTS.md"


@dataclass
class Bar:
    """Something that has to hold.

    Attributes:
        what: In one line.
        measured: What was found; ``None`` where it could not be measured.
        bound: What it must reach.
        most: The bound is an upper one.
        spread: The rounds' own figures.
    """

    what: str
    measured: float | None
    bound: float
    most: bool = False
    spread: Sequence[float] = ()

    @property
    def holds(self) -> bool:
        if self.measured is None:
            return False
        return self.measured <= self.bound if self.most else self.measured >= self.bound


@dataclass
class Section:
    """The outcome of one scenario.

    Attributes:
        name: On the command line.
        title: Its heading.
        about: A paragraph above the tables; how it is broken into lines does not matter.
        bars: What has to hold.
        tables: Markdown.
        notes: What was found beside the figures: wrong output, lost rows, refusals.
        broken: It came to no end.
        raw: Every run.
        when: Date and time of its end.
        load: Load average of the machine when it began.
        seconds: How long it took.
        commit: Of this repository.
    """

    name: str
    title: str
    about: str = ""
    bars: list[Bar] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: bool = False
    raw: dict[str, Any] = field(default_factory=dict)
    when: str = ""
    load: float = 0.0
    seconds: float = 0.0
    commit: str = ""

    def add(self, runs: Runs, first: str, *, caption: str = "", of: str = "") -> None:
        """A comparison's table, its problems and its raw figures.

        Args:
            runs: The comparison.
            first: The contender that the others are compared with.
            caption: Above the table.
            of: Name of the raw figures; the scenario's without.
        """
        self.tables.append(table(runs, first, caption))
        self.notes += runs.problems()
        self.raw[of or self.name] = runs.raw()


def table(runs: Runs, first: str, caption: str = "") -> str:
    """A comparison as a Markdown table; ratios are the median of the rounds' own ratios."""
    lines = [f"{caption}\n"] if caption else []
    lines += [
        f"| | rows | rows/s, median | min – max | client CPU, µs/row | times slower than {first} |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, measured in runs.of.items():
        good = [one for one in measured if not one.problem]
        if not good:
            lines.append(f"| {name} | {measured[-1].rows if measured else 0:,} | failed, see below | | | |")
            continue
        rates = sorted(one.rate for one in good)
        cpu = statistics.median(one.cpu_seconds / one.rows * 1e6 for one in good)
        slower, _ = runs.ratio(first, name)
        told = "" if name == first or slower is None else f"{slower:,.2f}"
        spread = f"{rates[0]:,.0f} – {rates[-1]:,.0f}"
        median = statistics.median(rates)
        lines.append(f"| {name} | {good[0].rows:,} | {median:,.0f} | {spread} | {cpu:,.1f} | {told} |")
    return "\n".join(lines)


def ratio_bar(
    what: str, runs: Runs, name: str, other: str, bound: float, *, of: Callable[[Measured], float] = Runs.by_rate
) -> Bar:
    """A bar on how many times faster one contender is than another, or, of something else than the rate, how much less
    it takes: then the bound is an upper one."""
    measured, spread = runs.ratio(name, other, of)
    return Bar(what, measured, bound, most=of is not Runs.by_rate, spread=spread)


def rate(measured: Sequence[Measured]) -> float:
    """Median rows a second of the good runs."""
    return statistics.median([one.rate for one in measured if not one.problem] or [0.0])


class Results:
    """The results file and the page beside it, written after every scenario.

    Args:
        page: The Markdown page; the data is beside it, as JSON.
        order: Names of the sections, as the page has them.
        keep: Keep the sections that an earlier run wrote, until they are measured again.
    """

    def __init__(self, page: Path, order: Sequence[str], *, keep: bool) -> None:
        self._page = page
        self._order = order
        self._data = page.with_suffix(".json")
        self.machine: dict[str, str] = machine_facts()
        self.server: dict[str, str] = {}
        self.sections: dict[str, Section] = {}
        if keep and self._data.exists():
            known = json.loads(self._data.read_text(encoding="utf-8"))
            self.server = known["server"]
            for one in known["sections"]:
                bars = [Bar(**bar) for bar in one.pop("bars")]
                self.sections[one["name"]] = Section(**one, bars=bars)

    def put(self, section: Section, began: float, load: float) -> None:
        """Take a section in, and write both files."""
        section.when = time.strftime("%Y-%m-%d %H:%M")
        section.seconds = round(time.time() - began, 1)
        section.load = round(load, 2)
        section.commit = _commit()
        self.sections[section.name] = section
        self.sections = {name: self.sections[name] for name in self._order if name in self.sections}
        content = {
            "machine": self.machine,
            "server": self.server,
            "peers": {peer: versions(peer) for peer in PEERS},
            "sections": [asdict(one) for one in self.sections.values()],
        }
        _write(self._data, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        _write(self._page, self.page())

    def page(self) -> str:
        """The whole page."""
        facts = [f"- {key}: {value}" for key, value in {**self.machine, **self.server}.items()]
        peers = [f"- {peer}: {versions(peer)}" for peer in PEERS]
        parts = [HEAD, summary(list(self.sections.values())), "## Machine and versions\n\n" + "\n".join(facts + peers)]
        parts += [_section(one) for one in self.sections.values()]
        return "\n\n".join(parts) + "\n"


HEAD = """\
# Results

Written by `make bench-peers`: zenoo-fast beside other tools, each in its own virtual environment, in turns (A B, B A),
on one machine with the server. Against a real Odoo 19 the figures are of whole processes, the interpreter's start
included, and what a run left in the database is checked by SQL before its time counts. Medians; a ratio is the median
of the rounds' own ratios. Every run is in `RESULTS.json`."""


def summary(sections: Sequence[Section]) -> str:
    """Every bar, and whether it holds."""
    lines = ["## What has to hold", "", "| | bar | measured | rounds | |", "|---|---:|---:|---:|---|"]
    for section in sections:
        for bar in section.bars:
            sign = "≤" if bar.most else "≥"
            found = "—" if bar.measured is None else f"{bar.measured:.4g}"
            spread = f"{min(bar.spread):.3g} – {max(bar.spread):.3g}" if bar.spread else ""
            verdict = "holds" if bar.holds else "**missed**"
            lines.append(f"| {bar.what} | {sign} {bar.bound:g} | {found} | {spread} | {verdict} |")
    missed = sum(not bar.holds for one in sections for bar in one.bars)
    total = sum(len(one.bars) for one in sections)
    lines += ["", f"{total - missed} of {total} bars hold." if missed else f"All {total} bars hold."]
    return "\n".join(lines)


def _section(one: Section) -> str:
    run = f"*{one.when}, commit {one.commit}, {one.seconds:.0f} s, load average {one.load} before it.*"
    parts = [f"## {one.title}", run, " ".join(one.about.split()), *one.tables]
    if one.notes:
        parts.append("As found:\n\n" + "\n".join(f"- {note}" for note in one.notes))
    return "\n\n".join(parts)


def _write(file: Path, text: str) -> None:
    """Never half of it."""
    new = file.with_name(file.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def _commit() -> str:
    """What is measured; ``-dirty`` where something else than the results was changed since."""

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *arguments], cwd=RESULTS.parent, capture_output=True, text=True, check=False)

    changed = git("diff", "--quiet", "HEAD", "--", ":/", f":!{RESULTS.stem}.*").returncode
    return git("describe", "--always").stdout.strip() + ("-dirty" if changed else "") or "unknown"


def load_average() -> float:
    """Of the last minute."""
    return os.getloadavg()[0]
