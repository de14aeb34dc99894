"""Client CPU per record into ``sandbox --discard``: the import road and a hand-written loop, in turn, in one run.

    python -m benchmarks.client_cpu [--smoke] [--rows N] [--rounds N] [--output FILE]

The hand-written loop is uvloop + aiohttp + orjson, the same chunks of 500 over ``/json/2``, the same concurrency, and
checks nothing. A figure is user and system time of every process of the client, from an interpreter with its imports
and its input ready to the end of the run; processes of the server are not counted. Each run is a process of its own.
The sandbox says how many records came, so a run that loses some fails. Exits with 1 where the bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.machine import machine_facts

CHUNK = 500
CONCURRENCY = 4
BAR = 1.0
"""Ours over the hand-written loop's, medians."""
CONTEXT = {"tracking_disable": True}
RESULTS = Path(__file__).parent / "client_cpu.json"


def record(number: int) -> dict[str, Any]:
    """Ten fields of the kinds that imports have."""
    return {
        "name": f"Partner {number:07d}",
        "email": f"partner{number}@example.com",
        "phone": f"+32 9 {number:07d}",
        "street": f"{number} Long Street",
        "city": "Ghent",
        "zip": f"{number % 10000:04d}",
        "ref": f"REF-{number}",
        "color": number % 12,
        "is_company": number % 2 == 0,
        "comment": "A sentence that says very little, in as many words.",
    }


def write_csv(file: Path, rows: int) -> None:
    """The same records as a file."""
    with file.open("w", newline="", encoding="utf-8") as handle:
        out = csv.DictWriter(handle, list(record(0)))
        out.writeheader()
        out.writerows(record(number) for number in range(rows))


def cpu_seconds() -> float:
    """User and system time of this process and of those that it has awaited."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usages)


# ---- the contenders, each in a process of its own -------------------------------------------------------------------


async def ours(settings: dict[str, Any], source: Any, workers: int) -> int:
    from zenoo_fast.client import ZenooClient
    from zenoo_fast.importing import import_records

    async with ZenooClient(settings["url"], transport="json2") as client:
        await client.login_with_api_key(settings["database"], settings["login"], settings["api_key"])
        report = await import_records(
            client,
            "res.partner",
            source,
            chunk_size=CHUNK,
            concurrency=CONCURRENCY,
            workers=workers,
            context=CONTEXT,
        )
    report.raise_for_rejects()
    return len(report.ids)


async def hand_written(settings: dict[str, Any], records: Iterable[dict[str, Any]]) -> int:
    import aiohttp
    import orjson

    url = f"{settings['url']}/json/2/res.partner/create"
    headers = {
        "Authorization": f"bearer {settings['api_key']}",
        "X-Odoo-Database": settings["database"],
        "Content-Type": "application/json",
    }
    limit = asyncio.Semaphore(CONCURRENCY)
    created: list[int] = []

    async def create(chunk: list[dict[str, Any]]) -> None:
        try:
            body = orjson.dumps({"vals_list": chunk, "context": CONTEXT})
            async with session.post(url, data=body) as answer:
                answer.raise_for_status()
                created.extend(orjson.loads(await answer.read()))
        finally:
            limit.release()

    remaining: Iterator[dict[str, Any]] = iter(records)
    timeout = aiohttp.ClientTimeout(150)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session, asyncio.TaskGroup() as tasks:
        while chunk := list(itertools.islice(remaining, CHUNK)):
            await limit.acquire()
            tasks.create_task(create(chunk))
    return len(created)


def contend(name: str, settings: dict[str, Any]) -> None:
    """Run one contender here; print what it took."""
    import aiohttp  # noqa: F401 - imports are not what is measured
    import orjson  # noqa: F401
    import uvloop

    import zenoo_fast.client
    import zenoo_fast.importing  # noqa: F401

    side, kind, workers = name.split(":")
    records = [record(number) for number in range(settings["rows"])] if kind == "dicts" else None
    before = cpu_seconds()
    if side == "ours":
        source = settings["file"] if records is None else records
        made = uvloop.run(ours(settings, source, int(workers)))
    elif records is not None:
        made = uvloop.run(hand_written(settings, records))
    else:
        with open(settings["file"], newline="", encoding="utf-8") as handle:
            made = uvloop.run(hand_written(settings, csv.DictReader(handle)))
    print(json.dumps({"cpu": cpu_seconds() - before, "made": made}))


# ---- the comparison -------------------------------------------------------------------------------------------------

PAIRS = {
    "a list of dicts": ("ours:dicts:0", "hand:dicts:0"),
    "a CSV file": ("ours:csv:0", "hand:csv:0"),
    "a CSV file, two workers": ("ours:csv:2", "hand:csv:0"),
}
"""What is imported -> (ours, hand-written)."""


def measure(name: str, settings: dict[str, Any]) -> float:
    """Microseconds of CPU a record."""
    arguments = [sys.executable, "-m", "benchmarks.client_cpu", "--contender", name]
    done = subprocess.run(
        arguments, input=json.dumps(settings), capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr[-2000:]}")
    result = json.loads(done.stdout)
    if result["made"] != settings["rows"]:
        raise RuntimeError(f"{name} made {result['made']} of {settings['rows']} records")
    return float(result["cpu"] / settings["rows"] * 1e6)


def compare(rows: int, rounds: int) -> dict[str, Any]:
    """Every pair in turn, `rounds` times."""
    from zenoo_fast.sandbox import SandboxProcess

    figures: dict[str, dict[str, list[float]]] = {pair: {"ours": [], "hand-written": []} for pair in PAIRS}
    with tempfile.TemporaryDirectory() as folder, SandboxProcess(discard=True) as server:
        file = Path(folder) / "partners.csv"
        write_csv(file, rows)
        settings = {name: getattr(server, name) for name in ("url", "database", "login", "api_key")}
        settings |= {"rows": rows, "file": str(file)}
        for _ in range(rounds):
            for pair, (left, right) in PAIRS.items():
                figures[pair]["ours"].append(measure(left, settings))
                figures[pair]["hand-written"].append(measure(right, settings))
    results = {}
    for pair, runs in figures.items():
        medians = {side: statistics.median(values) for side, values in runs.items()}
        ratio = medians["ours"] / medians["hand-written"]
        results[pair] = {"microseconds a record": medians, "ratio": ratio, "runs": runs}
        print(
            f"{pair:26} ours {medians['ours']:6.2f} µs, hand-written {medians['hand-written']:6.2f} µs a record: "
            f"{ratio:.2f} times (bar {BAR:.2f})"
        )
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="see that it works: few rows, no bar, nothing written")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        contend(options.contender, json.load(sys.stdin))
        return 0
    if options.smoke:
        compare(rows=5_000, rounds=1)
        return 0
    results = compare(options.rows, options.rounds)
    setting = {"rows": options.rows, "chunk": CHUNK, "concurrency": CONCURRENCY, "bar": BAR}
    written = {"machine": machine_facts(), "setting": setting, "results": results}
    options.output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    missed = [pair for pair, one in results.items() if one["ratio"] > BAR]
    for pair in missed:
        print(f"missed: {pair}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
