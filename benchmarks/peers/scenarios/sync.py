"""The same file again: nothing, little and everything changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.peers.bench import Bench, new_prefix, wrong
from benchmarks.peers.contenders import driver, fluvo, zenoo_fast
from benchmarks.peers.data import HEADER, external_id, module_of, values, write_csv
from benchmarks.peers.measure import Command, Entry, Measured, Runs, execute, take_turns
from benchmarks.peers.results import Bar, Section, ratio_bar

OURS = "zenoo-fast --mode sync"
LOAD = "load again, 500 × 1"
LOAD_QUIET = "load again, 500 × 1, no tracking"
FLUVO = "fluvo import again"
SKIPPING = "fluvo import --skip-unchanged"


class Partners:
    """Partners with external ids on the server, and what their values are now.

    Args:
        bench: The circumstances.
        rows: How many.
    """

    def __init__(self, bench: Bench, rows: int) -> None:
        self.bench = bench
        self.prefix = new_prefix()
        self.marks = [""] * rows
        there = [values(self.prefix, number) for number in range(rows)]
        bench.server.create([dict(zip(HEADER, one, strict=True)) for one in there])
        bench.server.name_externally(self.prefix, module_of(self.prefix))

    def _line(self, number: int) -> list[str]:
        return [external_id(self.prefix, number), *values(self.prefix, number, self.marks[number])]

    def entry(
        self, name: str, rows: int, every: int, command: Callable[[Path], Command], *, exact: bool = False
    ) -> Entry:
        """A contender that is given the first rows again.

        Args:
            name: The contender's.
            rows: How many of the rows its file has.
            every: Every how many-th of them is changed; 0: none.
            command: What to run on the file.
            exact: It must not write to a record whose row is not changed.
        """

        def run() -> Measured:
            server, folder, mark = self.bench.server, self.bench.scratch(), new_prefix()
            changed = range(0, rows, every) if every else range(0)
            for number in changed:
                self.marks[number] = mark
            lines = [self._line(number) for number in range(rows)]
            file = write_csv(folder / "partners.csv", ["id", *HEADER], lines)
            server.tidy()
            began = server.now()
            measured = execute(command(file), rows, folder)
            wanted = [values(self.prefix, number, one) for number, one in enumerate(self.marks)]
            measured.problem = measured.problem or wrong(server, self.prefix, wanted)
            written = server.count(self.prefix, f"write_date >= '{began}'")
            measured.answer["written"] = written
            if exact and not measured.problem and written != len(changed):
                measured.problem = f"{written:,} records were written instead of {len(changed):,}"
            return measured

        return Entry(name, run)


def sync(bench: Bench) -> Section:
    """``--mode sync`` beside a ``load`` of the same rows and fluvo's import of them."""
    server = bench.server
    partners = Partners(bench, bench.rows(50_000))

    def compare(title: str, every: int, rows: int, few: int) -> Runs:
        rows, few = bench.rows(rows), bench.rows(few)

        def load(file: Path, **context: object) -> Command:
            return driver(server, "repeated_load.py", "hand-written", file=file, context=context)

        entries = [
            partners.entry(OURS, rows, every, lambda file: zenoo_fast(server, file, "--mode", "sync"), exact=True),
            partners.entry(LOAD, few, every, load),
            partners.entry(LOAD_QUIET, few, every, lambda file: load(file, tracking_disable=True)),
            partners.entry(FLUVO, 2 * few, every, lambda file: fluvo(server, file)),
            partners.entry(SKIPPING, rows, every, lambda file: fluvo(server, file, "--skip-unchanged")),
        ]
        # Where all is changed there is nothing to skip.
        return take_turns(f"sync, {title}", entries if every != 1 else entries[:4], bench.rounds)

    section = Section(
        "sync",
        "The same file again",
        """
        Partners with external ids are there; the file holds them again. The repeated `load` sends 500 rows a call, one
        call at a time; the bars are on it as it is, without a context. Contenders that take minutes are given the first
        rows of the file only: their rate does not depend on how many there are. For zenoo-fast it is also checked that
        no record was written whose row is not changed. fluvo has an option `--skip-unchanged`, which reads first, too.
        """,
    )
    try:
        unchanged = compare("nothing changed", 0, 50_000, 2_000)
        section.add(unchanged, OURS, caption="Nothing changed:", of="unchanged")
        little = compare("1 % changed", 100, 50_000, 2_000)
        section.add(little, OURS, caption="Every hundredth row changed:", of="1 % changed")
        every = compare("all changed", 1, 10_000, 1_000)
        section.add(every, OURS, caption="Every row changed:", of="all changed")
    finally:
        server.clear(bench.floor)
    for title, runs in (("nothing was changed", unchanged), ("one row in a hundred was changed", little)):
        written = {name: max(one.answer.get("written", 0) for one in found) for name, found in runs.of.items()}
        told = ", ".join(f"{name} {count:,} of {runs.of[name][0].rows:,}" for name, count in written.items())
        section.notes.append(f"Records written where {title}: {told}.")
    section.bars = [
        *_bars("The same file again, nothing changed", unchanged, load=60, fluvo_again=20),
        *_bars("The same file again, 1 % changed", little, load=30),
        *_bars("The same file again, all changed", every, load=8),
    ]
    return section


def _bars(what: str, runs: Runs, *, load: float, fluvo_again: float | None = None) -> list[Bar]:
    bars = [ratio_bar(f"{what}: times a repeated load", runs, OURS, LOAD, load)]
    if fluvo_again is not None:
        bars.append(ratio_bar(f"{what}: times fluvo's repeated import", runs, OURS, FLUVO, fluvo_again))
    return bars
