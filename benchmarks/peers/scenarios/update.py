"""Partners that are there get values of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.peers.bench import Bench, new_prefix
from benchmarks.peers.contenders import driver, zenoo_fast
from benchmarks.peers.data import HEADER, digest, values, write_csv
from benchmarks.peers.measure import Command, Entry, Measured, Runs, execute, take_turns
from benchmarks.peers.results import Section, ratio_bar

IMPORT = "zenoo-fast --mode update"
BULK = "zenoo-fast bulk_update, no tracking"
BULK_TRACKING = "zenoo-fast bulk_update, defaults"
ZENOO_RPC = "zenoo-rpc bulk_update"


class Partners:
    """Partners on the server, and what their values are now.

    Args:
        bench: The circumstances.
        rows: How many.
        header: The columns of the files.
        cells: (prefix, number, mark) -> their values.
    """

    def __init__(
        self, bench: Bench, rows: int, header: Sequence[str], cells: Callable[[str, int, str], list[str]]
    ) -> None:
        self.bench = bench
        self._header, self._cells = header, cells
        self._prefix = new_prefix()
        self._marks = [""] * rows
        names = [values(self._prefix, number) for number in range(rows)]
        self._ids = bench.server.create([dict(zip(HEADER, one, strict=True)) for one in names])

    def entry(self, name: str, rows: int, command: Callable[[Path], Command]) -> Entry:
        """A contender that gives the first rows new values."""

        def run() -> Measured:
            server, folder, mark = self.bench.server, self.bench.scratch(), new_prefix()
            self._marks[:rows] = [mark] * rows
            lines = [[str(self._ids[number]), *self._row(number)] for number in range(rows)]
            file = write_csv(folder / "partners.csv", [".id", *self._header], lines)
            server.tidy()
            measured = execute(command(file), rows, folder)
            # Calls at once made them, so that the first rows need not have the lowest ids.
            found = server.digest(self._prefix, self._header, f"id in ({','.join(map(str, self._ids[:rows]))})")
            if not measured.problem and found != digest(line[1:] for line in lines):
                measured.problem = "values differ from the file's"
            return measured

        return Entry(name, run)

    def _row(self, number: int) -> list[str]:
        return self._cells(self._prefix, number, self._marks[number])


def _reference(_prefix: str, number: int, mark: str) -> list[str]:
    return [f"{mark}{number}"]


CASES = (
    ("five columns", "name, email, phone, street, city, of which three differ", HEADER, values),
    ("one column", "a reference, a field that nothing else depends on", ["ref"], _reference),
)


def update(bench: Bench) -> Section:
    """``zenoo-fast import --mode update`` and ``bulk_update`` beside zenoo-rpc's ``bulk_update``."""
    section = Section(
        "update",
        "Update, different values per row",
        """
        Partners that are there, by database id, with values of their own in every row of every run. `bulk_update`
        (chunks of 100, 5 calls at once, both tools) without tracking, as an import has it, and with Odoo's own
        tracking, as it is where no context is given; zenoo-rpc knows the latter only. Odoo's own time for a record
        depends on which fields are written: a name, an e-mail address or a street takes Odoo several searches, a
        reference none.
        """,
    )
    for name, what, header, cells in CASES:
        try:
            runs = _case(bench, name, header, cells)
        finally:
            bench.server.clear(bench.floor)
        section.add(runs, IMPORT, caption=f"Of {what}:", of=name)
        for ours, label in ((IMPORT, "--mode update"), (BULK, "bulk_update")):
            told = f"Update, own values per row, {name}, {label}: times zenoo-rpc's bulk_update"
            section.bars.append(ratio_bar(told, runs, ours, ZENOO_RPC, 30))
    return section


def _case(bench: Bench, name: str, header: Sequence[str], cells: Callable[[str, int, str], list[str]]) -> Runs:
    server, rows, few, fewest = bench.server, bench.rows(10_000), bench.rows(1_000), bench.rows(600)
    partners = Partners(bench, rows, header, cells)

    def bulk_update(file: Path, **options: object) -> Command:
        return driver(server, "with_zenoo_fast.py", None, file=file, task="update", **options)

    def theirs(file: Path) -> Command:
        return driver(server, "with_zenoo_rpc.py", "zenoo-rpc", file=file, task="update")

    entries = [
        partners.entry(IMPORT, rows, lambda file: zenoo_fast(server, file, "--mode", "update")),
        partners.entry(ZENOO_RPC, fewest, theirs),
        partners.entry(BULK, rows, lambda file: bulk_update(file, context={"tracking_disable": True})),
        partners.entry(BULK_TRACKING, few, bulk_update),
    ]
    return take_turns(f"update, {name}", entries, bench.rounds)
