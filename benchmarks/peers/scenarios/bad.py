"""One row in a hundred cannot go in."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.peers.bench import Bad, Bench, creates
from benchmarks.peers.contenders import driver, fluvo, zenoo_fast
from benchmarks.peers.measure import Measured, Runs, take_turns
from benchmarks.peers.results import Section, ratio_bar

CLEAN = "zenoo-fast, no bad row"
OURS = "zenoo-fast, 1 % bad"
FLUVO = "fluvo, 1 % bad"
ZENOO_RPC = "zenoo-rpc, 1 % bad"

SCHEMA = "a selection value that does not exist"
CASES = (
    (SCHEMA, "the schema shows them", Bad("type", "nonsense", "contact"), 0.9),
    ("a many2one to a missing record", "only the server sees them", Bad("parent_id/.id", "999999999"), 0.35),
    ("a check constraint (no name)", "only the server sees them", Bad("name", ""), 0.35),
)


def bad_rows(bench: Bench) -> Section:
    """The speed with bad rows as a part of the speed without."""
    section = Section(
        "bad",
        "1 % bad rows",
        """
        Every hundredth row is bad, for a reason that the schema shows, or for one that only the server can see. The
        file without bad rows has the same columns. Every good row has to be in, and zenoo-fast has to report every
        bad one. fluvo and zenoo-rpc are given fewer rows, for they send a refused batch again in ever smaller
        parts, or row by row; fluvo refuses a file with database ids (`parent_id/.id`).
        """,
    )
    for reason, who, bad, bound in CASES:
        runs = _case(bench, reason, bad)
        section.add(runs, CLEAN, caption=f"Bad by {reason}; {who}:", of=reason)
        what = f"1 % bad rows by {reason}, {who}: part of the speed without"
        section.bars.append(ratio_bar(what, runs, OURS, CLEAN, bound))
        calls = [one.answer.get("requests", 0) for one in runs.of[OURS]]
        section.notes.append(f"zenoo-fast, {reason}: {', '.join(f'{one:,}' for one in calls)} calls in all.")
    return section


def _case(bench: Bench, reason: str, bad: Bad) -> Runs:
    server, rows, few = bench.server, bench.rows(10_000, 200), bench.rows(1_000, 100)

    def reports(measured: Measured) -> str:
        found, wanted = measured.answer.get("rejected"), bad.count(rows)
        return "" if found == wanted else f"{found} rows are reported instead of {wanted}"

    entries = [
        creates(bench, CLEAN, rows, lambda file: zenoo_fast(server, file), bad=replace(bad, every=0)),
        creates(bench, OURS, rows, lambda file: zenoo_fast(server, file, exit_codes=(1,)), bad=bad, also=reports),
    ]
    if "/" not in bad.column:
        entries.append(creates(bench, FLUVO, few, lambda file: fluvo(server, file), ids=True, bad=bad))
    if reason == SCHEMA:  # the others are not bad as zenoo-rpc sends them, or need another file
        entries.append(
            creates(
                bench,
                ZENOO_RPC,
                few,
                lambda file: driver(server, "with_zenoo_rpc.py", "zenoo-rpc", file=file, task="create"),
                bad=bad,
            )
        )
    return take_turns(f"bad, {reason}", entries, bench.rounds)
