"""What the in-process road costs: `bulk_create` through an ``execute_kw`` that answers at once.

    python -m benchmarks.batch_overhead [--smoke] [--records N] [--chunk-size N] [--rounds N] [--output FILE]

A figure is microseconds a record of our own processor time (the double's own cost, measured alone, taken off), the
median of the rounds. Held: at most 1.5 µs at 100,000 records and chunk 500. The ids are checked beside the time. Exits
with 1 where the bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import machine_facts

from zenoo_fast.batch import BatchManager

BAR = 1.5
RESULTS = Path(__file__).parent / "batch_overhead.json"


class Instant:
    """A client object that creates nothing and answers at once."""

    def __init__(self) -> None:
        self.next_id = 1
        self.calls = 0

    async def execute_kw(self, _model: str, _method: str, args: list[Any], _kwargs: dict[str, Any]) -> list[int]:
        self.calls += 1
        first, self.next_id = self.next_id, self.next_id + len(args[0])
        return list(range(first, self.next_id))


async def measure(records: list[dict[str, Any]], chunk_size: int) -> float:
    """Microseconds a record, the double's own time taken off."""
    client = Instant()
    manager = BatchManager(client, max_chunk_size=chunk_size)
    began = time.process_time()
    ids = await manager.bulk_create("res.partner", records)
    seconds = time.process_time() - began
    expected = -(-len(records) // chunk_size)
    if ids != list(range(1, len(records) + 1)) or client.calls != expected:
        raise RuntimeError(f"wrong output: {len(ids)} ids, {client.calls} calls instead of {expected}")

    alone = Instant()
    began = time.process_time()
    for start in range(0, len(records), chunk_size):
        await alone.execute_kw("res.partner", "create", [records[start : start + chunk_size]], {})
    return (seconds - (time.process_time() - began)) / len(records) * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--chunk-size", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--smoke", action="store_true", help="see that it works: few records, no bar, nothing written")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.smoke:
        options.records, options.rounds = 5_000, 1
    records = [
        {"name": f"Company {n}", "email": f"c{n}@example.com", "is_company": True, "color": n % 12, "phone": str(n)}
        for n in range(options.records)
    ]
    rounds = [asyncio.run(measure(records, options.chunk_size)) for _ in range(options.rounds)]
    figure = statistics.median(rounds)
    print(f"bulk_create in this process: {figure:.2f} µs a record of our own (bar {BAR})")
    if options.smoke:
        return 0
    setting = {"records": options.records, "chunk": options.chunk_size, "bar": BAR}
    results = {"microseconds a record": figure, "rounds": rounds}
    written = {"machine": machine_facts(), "setting": setting, "results": results}
    options.output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    return 0 if figure <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
