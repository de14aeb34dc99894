"""Peak memory of an import, process by process, of a large and of a small input of each kind.

    python -m benchmarks.memory [--smoke] [--auto] [--least N] [--rows N] [--output FILE]
                                [--kind csv|ndjson|parquet|arrow|sqlite|stream]…

A peak is the kernel's own high-water mark of resident memory (``VmHWM``), shared libraries included, read while the
process lives. Held: every process stays under 200 MB (250 MB where pyarrow reads or makes the input, which takes 60 MB
as soon as it is there), and a long input takes no more than 20 % more or less than a short one, with 8 calls of 500
records at once for both. ``--auto`` leaves those to the engine, as an import does by itself: they grow while a run goes
on, and what is in flight is in memory, so only the limit is held. The server is ``sandbox --discard`` and is not
counted. Exits with 1 where a bar is missed. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from benchmarks.inputs import KINDS, WRITERS, command
from benchmarks.machine import machine_facts

LIMIT_MB = {kind: 200 if kind in {"csv", "ndjson"} else 250 for kind in KINDS}
LIKENESS = 0.2
RESULTS = Path(__file__).parent / "memory.json"
_PAUSE = 0.02

Pressure = Mapping[str, int]
"""Records a call and calls at once, by the names of their options."""
HELD: Pressure = {"chunk_size": 500, "concurrency": 8}
AUTO: Pressure = {}


def high_water(pid: int) -> float:
    """Peak resident memory of a process so far, in MB; 0 where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) * 1024 / 1e6 if lines else 0.0


class Watch(threading.Thread):
    """Follows a process and its children until it ends.

    Attributes:
        peaks: MB by process, the command itself first.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peaks: dict[int, float] = {pid: 0.0}
        self._pid = pid

    def run(self) -> None:
        while True:
            try:
                family = [self._pid, *(one.pid for one in psutil.Process(self._pid).children(recursive=True))]
            except psutil.Error:
                return
            for pid in family:
                self.peaks[pid] = max(self.peaks.get(pid, 0.0), high_water(pid))
            time.sleep(_PAUSE)


def peaks(kind: str, file: Path, rows: int, workers: int, pressure: Pressure, settings: dict[str, str]) -> list[float]:
    """MB of each process of one import, the command itself first."""
    with subprocess.Popen(
        command(kind, file, rows, workers, pressure),
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watch = Watch(process.pid)
        watch.start()
        output, errors = process.communicate(timeout=1200)
    watch.join()
    if process.returncode:
        raise RuntimeError(f"the import exits with {process.returncode}:\n{errors[-2000:]}")
    report = json.loads(output)
    if not report["adds_up"] or report["created"] != rows:
        raise RuntimeError(f"{report['created']} of {rows} records")
    found = list(watch.peaks.values())
    if len(found) != 1 + workers:
        raise RuntimeError(f"{len(found)} processes were seen instead of {1 + workers}")
    return found


def measure(least: int, rows: int, kind: str, pressure: Pressure) -> dict[str, Any]:
    """Both sizes, without and with workers."""
    from zenoo_fast.sandbox import SandboxProcess

    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for workers in (0, 2):
            for size in (least, rows):
                file = Path(folder) / f"{size}.{kind}"
                if kind in WRITERS and not file.exists():
                    WRITERS[kind](file, size)
                with SandboxProcess(discard=True) as server:
                    names = ("url", "database", "login", "api_key")
                    settings = {f"ZENOO_FAST_{name.upper()}": getattr(server, name) for name in names}
                    found = peaks(kind, file, size, workers, pressure, settings)
                results[f"{kind}, {workers} workers, {size} rows"] = found
                listed = ", ".join(f"{one:.0f}" for one in found)
                held = f" ({file.stat().st_size / 1e6:4.0f} MB)" if file.exists() else ""
                print(f"{kind}, {workers} workers, {size:9,} rows{held}: {listed} MB")
    return results


def missed(results: dict[str, Any], least: int, rows: int, kind: str, pressure: Pressure) -> list[str]:
    """What does not hold, one line each."""
    lines = []
    limit = LIMIT_MB[kind]
    for name, found in results.items():
        if max(found) >= limit:
            lines.append(f"{name}: a process peaks at {max(found):.0f} MB, not under {limit}")
    for workers in (0, 2) if pressure == HELD else ():
        small, large = (max(results[f"{kind}, {workers} workers, {size} rows"]) for size in (least, rows))
        if abs(large - small) > LIKENESS * small:
            lines.append(f"{kind}, {workers} workers: {large:.0f} MB for {rows} rows, {small:.0f} MB for {least}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="see that it works: few rows, no bar, nothing written")
    parser.add_argument("--auto", action="store_true", help="calls at once and their size as the engine chooses them")
    parser.add_argument("--least", type=int, help="rows of the short input; a tenth of the long one's without")
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of the long input")
    parser.add_argument("--kind", action="append", choices=KINDS, help="all without")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    results: dict[str, Any] = {}
    lines: list[str] = []
    rows = 20_000 if options.smoke else options.rows
    least = options.least or rows // 10
    pressure = AUTO if options.auto else HELD
    for kind in options.kind or KINDS:
        found = measure(least, rows, kind, pressure)
        results |= found
        lines += missed(found, least, rows, kind, pressure)
    if options.smoke:
        return 0
    bars = {"megabytes": LIMIT_MB, "likeness": LIKENESS}
    written = {
        "machine": machine_facts(),
        "bars": bars,
        "pressure": pressure,
        "megabytes by process": results,
        "missed": lines,
    }
    options.output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    for line in lines:
        print(f"missed: {line}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
