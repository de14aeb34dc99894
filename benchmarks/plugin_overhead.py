"""What plugins cost a record: hooks that nobody listens to, and validators that find nothing.

    python -m benchmarks.plugin_overhead [--smoke] [--records N] [--rounds N] [--output FILE]

The same import of mappings into a transport of this process that answers at once: as it is, with the hooks taken out,
and with a validator of each kind that finds nothing. A figure is user and system time of all threads a record, less
that of the plain import next to it; medians of the pairs. What arrives is counted. Held, for records of six fields, as
those that Odoo's throughput was measured with: a validator of the Arrow kind costs 100 ns a record at most, one of
dicts 1.5 µs; hooks without a plugin nothing measurable (20 ns at most). Records of ten fields are measured beside.
Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

from benchmarks.client_cpu import CHUNK, CONCURRENCY, record
from benchmarks.machine import machine_facts

from zenoo_fast.engine.outcome import Outcome, OutcomeKind
from zenoo_fast.importing import import_records
from zenoo_fast.plugins import manager
from zenoo_fast.transports.base import Call

RESULTS = Path(__file__).parent / "plugin_overhead.json"
KINDS = {"color": "integer", "is_company": "boolean"}
FIELDS = {
    name: {"type": KINDS.get(name, "char"), "required": name == "name", "readonly": False, "string": name}
    for name in record(0)
}
SIX = ("name", "email", "phone", "city", "color", "is_company")


class Instant:
    """A transport that answers at once: every record is made."""

    name = "instant"

    def __init__(self) -> None:
        self.made = 0

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def call(self, call: Call, /) -> Outcome:
        if call.method != "create":
            return Outcome(OutcomeKind.COMMITTED, result=FIELDS if call.method == "fields_get" else {})
        count = len(call.arguments["vals_list"])
        first, self.made = self.made + 1, self.made + count
        return Outcome(OutcomeKind.COMMITTED, result=list(range(first, first + count)))


class Client:
    """Somebody with that transport."""

    def __init__(self) -> None:
        self._transport = Instant()

    @property
    def transport(self) -> Instant:
        return self._transport


class Columns:
    """Looks at a record batch and finds nothing."""

    form: ClassVar[str] = "arrow"
    seen = 0

    def validate(self, records: Any, /) -> None:
        assert len(SIX) <= records.num_columns <= len(FIELDS)
        type(self).seen += records.num_rows


class Dicts:
    """Looks at dicts and finds nothing."""

    form: ClassVar[str] = "dicts"
    seen = 0

    def validate(self, records: list[dict[str, Any]], /) -> None:
        assert set(SIX) <= records[0].keys() <= FIELDS.keys()
        type(self).seen += len(records)


class NoPlugins(manager.Plugins):
    """As if there were no hooks."""

    def load(self) -> None: ...

    def events(self, run: Any) -> None: ...


@contextmanager
def without_hooks() -> Iterator[None]:
    nothing = NoPlugins(entry_points=[])
    with mock.patch.object(manager, "installed", return_value=nothing):
        yield


def run(records: list[dict[str, Any]], *validators: type, hooks: bool = True) -> float:
    """Nanoseconds of CPU a record."""
    client = Client()
    before = [one.seen for one in validators]
    gc.collect()
    with nullcontext() if hooks else without_hooks():
        began = time.process_time()
        report = asyncio.run(
            import_records(
                client, "res.partner", records, chunk_size=CHUNK, concurrency=CONCURRENCY, validators=validators
            )
        )
        seconds = time.process_time() - began
    report.raise_for_rejects()
    seen = [one.seen - start for one, start in zip(validators, before, strict=True)]
    if (report.created, client.transport.made) != (len(records), len(records)) or set(seen) - {len(records)}:
        raise RuntimeError(f"{report.created} of {len(records)} records, validators saw {seen}")
    return seconds / len(records) * 1e9


CASES: dict[str, tuple[float, Callable[[list[dict[str, Any]]], float]]] = {
    "hooks, no plugin": (20.0, lambda records: run(records, hooks=False)),
    "validator of the Arrow kind": (100.0, lambda records: run(records, Columns)),
    "validator of dicts": (1500.0, lambda records: run(records, Dicts)),
}
"""Name -> bar in nanoseconds, what is compared with the import as it is."""


def compare(records: list[dict[str, Any]], rounds: int) -> dict[str, Any]:
    """Every case beside the plain import, in turn, `rounds` times."""
    manager.installed().load()
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in CASES}
    for number in range(-1, rounds):
        for name, (_, case) in CASES.items():
            # Each goes first every other time; the first round warms up.
            plain = run(records) if number % 2 else None
            found = case(records)
            plain = run(records) if plain is None else plain
            if number >= 0:
                pairs[name].append((plain, found))
    results = {}
    for name, figures in pairs.items():
        sign = -1 if name.startswith("hooks") else 1
        cost = statistics.median(sign * (found - plain) for plain, found in figures)
        base = statistics.median(plain for plain, _ in figures)
        results[name] = {"nanoseconds": cost, "bar": CASES[name][0], "import": base, "pairs": figures}
        print(
            f"{len(records[0]):2} fields: {name:28} {cost:7.1f} ns a record (bar {CASES[name][0]:.0f}), "
            f"of {base:.0f} for the import"
        )
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="see that it works: few records, no bar, nothing written")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    count, rounds = (5_000, 1) if options.smoke else (options.records, options.rounds)
    ten = [record(number) for number in range(count)]
    results = {"six fields": compare([{name: one[name] for name in SIX} for one in ten], rounds)}
    results["ten fields"] = compare(ten, rounds)
    if options.smoke:
        return 0
    written = {"machine": machine_facts(), "records": count, "results": results}
    options.output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    missed = [name for name, one in results["six fields"].items() if one["nanoseconds"] > one["bar"]]
    for name in missed:
        print(f"missed: {name}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
