"""Run the comparisons and write the results.

    python -m benchmarks.peers [--only create,sync] [--rows N] [--rounds N] [--smoke] [--output FILE]

The real Odoo 19 is the one of ``ZENOO_FAST_TEST_ODOO_*`` (``_PSQL`` too: a connection string for a superuser), or one
brought up for this run as the tests do it, commits waiting for the disk. The results are written after every scenario;
with ``--only`` the other scenarios' earlier results are kept, so an interrupted run is continued by naming the rest.
Exits with 1 where a bar is missed (with ``--smoke`` where a scenario breaks), with 3 where no Odoo can be had.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.peers.bench import SMOKE_ROWS, Bench, Scenario
from benchmarks.peers.environments import PEERS, environment
from benchmarks.peers.measure import say
from benchmarks.peers.results import RESULTS, Results, Section, load_average, summary
from benchmarks.peers.scenarios import SCENARIOS
from benchmarks.peers.server import Server

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "helpers"))

from with_odoo import UnavailableError, running_odoo


def main() -> int:
    options = _arguments()
    chosen = [one for one in SCENARIOS if not options.only or one.name in options.only]
    for peer in PEERS:
        environment(peer)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zenoo-fast-peers-")))
        page = options.output or (folder / "RESULTS.md" if options.smoke else RESULTS)
        results = Results(page, [one.name for one in SCENARIOS], keep=bool(options.only))
        try:
            odoo = _server(stack) if any(one.odoo for one in chosen) else None
        except UnavailableError as error:
            print(f"no real Odoo: {error}", file=sys.stderr)
            return 3
        if odoo is not None:
            results.server = odoo.facts()
        done = [_run(one, options, odoo, folder, results) for one in chosen]
        print(summary(done))
        if options.smoke:
            notes = [note for one in done for note in one.notes]
            print("\n".join(notes))
            return int(any(one.broken for one in done))
    return 0 if all(bar.holds for one in done for bar in one.bars) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [one.name for one in SCENARIOS]
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"some of {','.join(names)}")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each contender [3]")
    parser.add_argument("--rows", type=int, help="rows of the largest file of a scenario; the others in proportion")
    parser.add_argument("--smoke", action="store_true", help="see that it works: few rows, one round, no bar counts")
    parser.add_argument(
        "--output", type=Path, help=f"where the page goes [benchmarks/{RESULTS.name}; none with --smoke]"
    )
    options = parser.parse_args()
    unknown = set(options.only or ()) - set(names)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if options.smoke:
        options.rounds = 1
    return options


def _server(stack: contextlib.ExitStack) -> Server:
    os.environ.setdefault("ODOO_PGFAST", "0")
    found = stack.enter_context(running_odoo())
    if not found.psql:
        raise UnavailableError("what runs leave there is checked by SQL: set ZENOO_FAST_TEST_ODOO_PSQL")
    return Server(found.url, found.database, found.login, found.password, found.api_key, tuple(found.psql))


def _run(
    scenario: Scenario, options: argparse.Namespace, odoo: Server | None, folder: Path, results: Results
) -> Section:
    """One scenario, written down at its end; one that breaks is written down as broken, and the others go on."""
    wanted = SMOKE_ROWS if options.smoke and options.rows is None else options.rows
    scale = wanted / scenario.rows if wanted else 1.0
    own = folder / scenario.name
    own.mkdir()
    bench = Bench(own, options.rounds, scale, options.smoke, odoo if scenario.odoo else None)
    began, load = time.time(), load_average()
    say(f"{scenario.name}: load average {load:.2f}")
    try:
        if scenario.odoo and odoo is not None:
            bench.floor = odoo.floor()
            odoo.warm_up()
        section = scenario.run(bench)
    except Exception as error:  # noqa: BLE001 - hours of other scenarios do not depend on it
        say(f"{scenario.name} broke: {type(error).__name__}: {error}")
        section = Section(scenario.name, scenario.name, notes=[f"Broke: {type(error).__name__}: {error}"], broken=True)
    results.put(section, began, load)
    return section


if __name__ == "__main__":
    sys.exit(main())
