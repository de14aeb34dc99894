"""What a journal costs, and how soon a resumed run begins to send; into ``sandbox --discard``.

    python -m benchmarks.journal [--smoke] [--rows N] [--rounds N] [--output FILE]

Overhead: wall time of the same import with and without a journal, in turn, chunks of 500, medians of the paired ratios;
held: under 5 %. Resume: from the start of a fresh process to the end of its first call, on a run with that many rows
committed; held: within 3 s. The reports are checked beside the time. Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.client_cpu import write_csv
from benchmarks.machine import machine_facts

OVERHEAD_BAR = 1.05
RESUME_BAR_SECONDS = 3.0
RESULTS = Path(__file__).parent / "journal.json"


class FirstCall:
    """A progress reporter that notes when the first call has ended."""

    def __init__(self) -> None:
        self.at = 0.0

    def start(self, _run: object) -> None: ...

    def update(self, _progress: object) -> None: ...

    def finish(self, _report: object) -> None: ...

    def called(self, _outcome: object, _records: int) -> None:
        self.at = self.at or time.time()


async def run(settings: dict[str, Any]) -> dict[str, Any]:
    from zenoo_fast.client import ZenooClient
    from zenoo_fast.importing import import_records

    first = FirstCall()
    async with ZenooClient(settings["url"], transport="json2") as client:
        await client.login_with_api_key(settings["database"], settings["login"], settings["api_key"])
        report = await import_records(
            client,
            "res.partner",
            settings["file"],
            chunk_size=500,
            concurrency=4,
            progress=first,
            **settings["options"],
        )
    report.raise_for_rejects()
    return {
        "seconds": report.seconds,
        "read": report.read,
        "created": report.created,
        "resumed": report.resumed,
        "first_call": first.at,
    }


def measure(settings: dict[str, Any], **options: Any) -> dict[str, Any]:
    """One import in a process of its own."""
    began = time.time()
    text = json.dumps({**settings, "options": options})
    arguments = [sys.executable, "-m", "benchmarks.journal", "--contender"]
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    result: dict[str, Any] = json.loads(done.stdout)
    result["until_first_call"] = result["first_call"] - began
    return result


def compare(rows: int, rounds: int, folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    pairs = []
    for number in range(rounds):
        plain = measure(settings)
        kept = measure(settings, journal=str(folder / f"overhead{number}"))
        if (plain["created"], kept["created"]) != (rows, rows):
            raise RuntimeError(f"{rows} rows became {plain['created']} and {kept['created']} records")
        pairs.append((plain["seconds"], kept["seconds"]))
    ratio = statistics.median(kept / plain for plain, kept in pairs)
    print(f"journal: {ratio:.3f} times the wall time without (bar {OVERHEAD_BAR}), {rows / pairs[0][0]:,.0f} rows/s")
    return {"ratio": ratio, "seconds": pairs}


def resume(rows: int, rounds: int, folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    journal = folder / "resume"
    measure(settings, journal=str(journal), limit=rows - 5_000 * rounds)
    taken = []
    for number in range(rounds):
        limit = rows - 5_000 * (rounds - 1 - number)
        found = measure(settings, journal=str(journal), resume=True, limit=limit)
        if (found["read"], found["resumed"]) != (limit, limit - 5_000):
            raise RuntimeError(f"{found} after {limit - 5_000} rows")
        taken.append(found["until_first_call"])
    median = statistics.median(taken)
    print(f"resume: {median:.2f} s to the end of the first call, {rows:,} rows committed (bar {RESUME_BAR_SECONDS} s)")
    return {"seconds": taken, "median": median}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="see that it works: few rows, no bar, nothing written")
    parser.add_argument("--rows", type=int, default=1_015_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--contender", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        import uvloop

        print(json.dumps(uvloop.run(run(json.load(sys.stdin)))))
        return 0
    from zenoo_fast.sandbox import SandboxProcess

    rows, rounds = (20_000, 1) if options.smoke else (options.rows, options.rounds)
    with tempfile.TemporaryDirectory() as name, SandboxProcess(discard=True) as server:
        folder = Path(name)
        settings: dict[str, Any] = {one: getattr(server, one) for one in ("url", "database", "login", "api_key")}
        settings["file"] = str(folder / "partners.csv")
        write_csv(Path(settings["file"]), rows)
        results = {"overhead": compare(rows, rounds, folder, settings)}
        results["resume"] = resume(rows, 1 if options.smoke else 3, folder, settings)
    if options.smoke:
        return 0
    written = {"machine": machine_facts(), "rows": rows, "results": results}
    options.output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    good = results["overhead"]["ratio"] < OVERHEAD_BAR and results["resume"]["median"] <= RESUME_BAR_SECONDS
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
