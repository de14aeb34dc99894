"""What a scenario works with."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.data import HEADER, digest, external_id, values, write_csv
from benchmarks.peers.measure import Command, Entry, Measured, execute
from benchmarks.peers.results import Section
from benchmarks.peers.server import Server

SMOKE_ROWS = 400


@dataclass(frozen=True)
class Scenario:
    """One comparison.

    Attributes:
        name: On the command line.
        rows: Input rows of the largest file; everything else is in proportion.
        run: Does it.
        odoo: It needs the real Odoo; else it starts its own sandbox.
    """

    name: str
    rows: int
    run: Callable[[Bench], Section]
    odoo: bool = True


@dataclass
class Bench:
    """The circumstances of one scenario.

    Attributes:
        folder: For files; every run has a folder of its own in it.
        rounds: Runs of each contender.
        scale: Of the scenario's own numbers of rows.
        smoke: To see that it works: few rows, few cells.
        odoo: The real Odoo, where there is one.
        floor: Highest id of a partner that was there before.
    """

    folder: Path
    rounds: int
    scale: float = 1.0
    smoke: bool = False
    odoo: Server | None = None
    floor: int = 0
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def server(self) -> Server:
        """The real Odoo."""
        if self.odoo is None:
            raise RuntimeError("this scenario needs the real Odoo")
        return self.odoo

    def rows(self, normal: int, least: int = 40) -> int:
        """A number of rows, in proportion; a multiple of 20 where it is scaled."""
        return normal if self.scale == 1 else max(least, round(normal * self.scale / 20) * 20)

    def scratch(self) -> Path:
        """A new folder."""
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        return folder


def new_prefix() -> str:
    """What the names of one run's partners begin with."""
    return f"b{time.time_ns() // 1000}-"


@dataclass(frozen=True)
class Bad:
    """Rows that must not go in.

    Attributes:
        column: The column at fault; a further one where the partners' own do not have it.
        value: What it holds in a bad row.
        good: What a further column holds in the other rows.
        every: Every how many-th row is bad; 0: none, and only the column is there.
    """

    column: str
    value: str
    good: str = ""
    every: int = 100

    def count(self, rows: int) -> int:
        """Bad rows among so many."""
        return sum(self.at(number) for number in range(rows))

    def at(self, number: int) -> bool:
        """Whether this row is bad."""
        return bool(self.every) and number % self.every == self.every // 2


def creates(
    bench: Bench,
    name: str,
    rows: int,
    command: Callable[[Path], Command],
    *,
    ids: bool = False,
    bad: Bad | None = None,
    also: Callable[[Measured], str] = lambda _: "",
) -> Entry:
    """A contender that makes new partners from a file.

    Args:
        bench: The circumstances.
        name: The contender's.
        rows: Of its file.
        command: What to run on the file.
        ids: The file has a column of external ids.
        bad: Rows that must not go in.
        also: A further check: what is wrong with the run, empty where nothing is.
    """

    def run() -> Measured:
        server, folder, prefix = bench.server, bench.scratch(), new_prefix()
        header, lines, good = _file(prefix, rows, ids=ids, bad=bad)
        file = write_csv(folder / "partners.csv", header, lines)
        try:
            measured = execute(command(file), rows, folder)
            measured.problem = measured.problem or wrong(server, prefix, good) or also(measured)
        finally:
            server.clear(bench.floor)
        return measured

    return Entry(name, run)


def _file(prefix: str, rows: int, *, ids: bool, bad: Bad | None) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """Header, rows, and the values of those that have to go in."""
    further = bad is not None and bad.column not in HEADER
    header = [*(["id"] if ids else []), *HEADER, *([bad.column] if bad is not None and further else [])]
    lines, good = [], []
    for number in range(rows):
        cells = values(prefix, number)
        is_bad = bad is not None and bad.at(number)
        if not is_bad:
            good.append(list(cells))
        if bad is not None and further:
            cells.append(bad.value if is_bad else bad.good)
        elif bad is not None and is_bad:
            cells[HEADER.index(bad.column)] = bad.value
        lines.append([*([external_id(prefix, number)] if ids else []), *cells])
    return header, lines, good


def wrong(server: Server, prefix: str, wanted: Sequence[Sequence[str]]) -> str:
    """What is wrong with the partners that are there now; empty where they are the wanted ones, value by value."""
    found = server.count(prefix)
    if found != len(wanted):
        return f"{found:,} partners are there instead of {len(wanted):,}"
    return "" if not wanted or server.digest(prefix) == digest(wanted) else "values differ from the file's"
