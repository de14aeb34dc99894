"""What the defaults find out by themselves, beside every fixed setting."""

from __future__ import annotations

import statistics

from benchmarks.peers.bench import Bench, creates
from benchmarks.peers.contenders import zenoo_fast
from benchmarks.peers.measure import Entry, take_turns
from benchmarks.peers.results import Bar, Section, rate

AUTO = "zenoo-fast, defaults"
CHUNKS = (100, 200, 500, 1000, 2000)
CONCURRENCY = (1, 2, 3, 4, 6, 8)
FINALISTS = 3


def grid(bench: Bench) -> Section:
    """One run of every cell; then the best cells and the defaults in turn."""
    server, rows = bench.server, bench.rows(20_000)
    chunks, concurrency = ((100, 200), (1, 2)) if bench.smoke else (CHUNKS, CONCURRENCY)

    def cell(chunk: int, calls: int) -> Entry:
        options = ["--chunk-size", str(chunk), "--concurrency", str(calls)]
        return creates(bench, f"{chunk} × {calls}", rows, lambda file: zenoo_fast(server, file, *options))

    cells = {f"{chunk} × {calls}": cell(chunk, calls) for chunk in chunks for calls in concurrency}
    once = take_turns("grid", list(cells.values()), 1)
    rates = {name: rate(runs) for name, runs in once.of.items()}
    best = sorted(rates, key=lambda name: -rates[name])[:FINALISTS]
    defaults = creates(bench, AUTO, rows, lambda file: zenoo_fast(server, file))
    runs = take_turns("grid, final", [defaults, *(cells[name] for name in best)], bench.rounds)
    winner = max(best, key=lambda name: rate(runs.of[name]))
    measured, spread = runs.ratio(AUTO, winner)
    section = Section(
        "grid",
        "Create: the defaults beside a full grid of chunk size × concurrency",
        f"""
        {rows:,} rows, the import's own context everywhere. Every cell was run once; as the best of {len(cells)}
        runs is partly luck, the best {FINALISTS} cells and the defaults were then run in turn, and the best of
        those ({winner}) is what the defaults are compared with.
        """,
    )
    section.bars = [Bar("Create, defaults: part of the best cell of the grid", measured, 0.9, spread=spread)]
    head = "| rows a call | " + " | ".join(f"{calls} at once" for calls in concurrency) + " |"
    lines = ["Rows/s:\n", head, "|---:" * (len(concurrency) + 1) + "|"]
    for chunk in chunks:
        found = (f"{rates[f'{chunk} × {calls}']:,.0f}" for calls in concurrency)
        lines.append(f"| {chunk} | " + " | ".join(found) + " |")
    section.tables.append("\n".join(lines))
    section.raw["cells"] = once.raw()
    section.notes += once.problems()
    section.add(runs, AUTO, of="final")
    chosen = [one.answer.get("tuning", {}) for one in runs.of[AUTO]]
    told = ", ".join(f"{one.get('chunk_size')} × {one.get('concurrency')}" for one in chosen)
    section.notes.append(
        f"The defaults ended at {told}; median of the grid {statistics.median(rates.values()):,.0f}/s."
    )
    return section
