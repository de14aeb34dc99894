"""Seeded schedules of faults and kills: what is in the database and what the report says, row by row."""

from __future__ import annotations

import asyncio
import collections
import csv
import os
import random
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from attempts import Attempt, report_of

from zenoo_fast.sandbox import Sandbox
from zenoo_fast.sandbox.faults import Fault, Faults
from zenoo_fast.sandbox.proxy import FaultProxy, ProxyFault

SCHEDULES = int(os.environ.get("ZENOO_FAST_FAULT_SCHEDULES", "200"))
FIRST_SEED = int(os.environ.get("ZENOO_FAST_FAULT_SEED", "0"))
LANES = 2

NETWORK = (
    ProxyFault("delay", seconds=0.02),
    ProxyFault("reset-before"),
    ProxyFault("reset-middle"),
    ProxyFault("reset-after"),
    ProxyFault("lose-answer"),
    ProxyFault("drip", seconds=0.0),
    ProxyFault("status", status=429, retry_after=0),
    ProxyFault("status", status=503, retry_after=0),
    ProxyFault("status", status=502),
    ProxyFault("status", status=504),
    ProxyFault("garbage"),
)
SERVER = (
    Fault("close-before", probability=0.06),
    Fault("close-after", probability=0.06),
    Fault("error", probability=0.06),
    Fault("load-message", method="load", probability=0.06),
)


@dataclass
class Schedule:
    """What one seed means."""

    seed: int
    mode: str
    rows: int
    bad: dict[int, str]
    options: dict[str, object]
    network: list[ProxyFault]
    server: list[Fault]
    kill_at: int
    kill_worker: bool

    @classmethod
    def of(cls, seed: int) -> Schedule:
        chance = random.Random(seed)
        mode = chance.choice(["create", "row", "key", "upsert"])
        rows = chance.randrange(300, 600)
        workers = 2 if seed % 5 == 0 else 0
        bad = {row: chance.choice(["color", "country"]) for row in chance.sample(range(rows), chance.randrange(4))}
        network = chance.sample(NETWORK, chance.randrange(4, 7))
        while len({one.action for one in network}) < 3:
            network = chance.sample(NETWORK, 5)
        network.append(ProxyFault("pass", weight=len(network) * chance.choice([1.5, 2.5, 4])))
        options = {
            "chunk_size": chance.randrange(8, 20),
            "concurrency": chance.randrange(1, 6),
            "workers": workers,
            "mode": "upsert" if mode == "upsert" else "create",
            "idempotent": mode in {"row", "key"},
            "key": ["ref"] if mode == "key" else [],
        }
        server = chance.sample(SERVER, chance.randrange(0, 3))
        kill_worker = bool(workers) and chance.random() < 0.5
        return cls(seed, mode, rows, bad, options, network, server, chance.randrange(12, 20), kill_worker)

    def write(self, path: Path) -> None:
        with path.open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow([*(["id"] if self.mode == "upsert" else []), "name", "ref", "color", "country_id/.id"])
            for row in range(self.rows):
                bad = self.bad.get(row)
                first = [f"s{self.seed}.r{row}"] if self.mode == "upsert" else []
                color, country = "x" if bad == "color" else row % 11, 999_999 if bad == "country" else 1
                out.writerow([*first, f"s{self.seed} row {row}", f"s{self.seed}-{row}", color, country])

    @property
    def first(self) -> list[ProxyFault]:
        """The questions before the run get through; then come three faults, whatever chance brings after them."""
        return [ProxyFault("pass")] * 6 + list({one.action: one for one in self.network[:-1]}.values())[:3]

    @property
    def settles(self) -> bool:
        """Every row can be brought to a certain end."""
        return self.mode != "create"


async def _killed(process: object, proxy: FaultProxy, schedule: Schedule) -> bool:
    """Kill the coordinator, or a worker of it, at its call; False where it had ended before."""
    started = len(proxy.made)
    while len(proxy.made) - started < schedule.kill_at:
        if not process.is_alive():
            return False
        await asyncio.sleep(0.005)
    victim = process.pid
    if schedule.kill_worker:
        workers = psutil.Process(process.pid).children()
        victim = workers[0].pid if workers else victim
    os.kill(victim, signal.SIGKILL)
    return True


async def _ended(process: object, limit: float = 60.0) -> None:
    until = asyncio.get_running_loop().time() + limit
    while process.is_alive():
        assert asyncio.get_running_loop().time() < until, "the attempt hangs"
        await asyncio.sleep(0.01)
    await asyncio.to_thread(process.join)


async def _run(schedule: Schedule, folder: Path) -> dict[str, object]:
    """One schedule to its end, on a sandbox of its own."""
    source = folder / f"{schedule.seed}.csv"
    schedule.write(source)
    faults = Faults([*schedule.server], schedule.seed)
    async with (
        Sandbox(faults=faults) as sandbox,
        FaultProxy(sandbox.url, plan=schedule.network, sequence=schedule.first, seed=schedule.seed) as proxy,
    ):
        attempt = Attempt(
            proxy.url,
            sandbox.database,
            sandbox.login,
            sandbox.api_key,
            "res.partner",
            str(source),
            str(folder / f"{schedule.seed}.json"),
            {
                **schedule.options,
                "journal": str(folder / f"{schedule.seed}.journal"),
                "rejects": str(folder / f"{schedule.seed}.rejects.csv"),
            },
        )
        process = attempt.start()
        killed = await _killed(process, proxy, schedule)
        await _ended(process)
        ends: list[str] = []
        for _ in range(6):
            if Path(attempt.out).exists():
                report = report_of(attempt)
                ends.append(report["stopped"] or f"{report['unknown']} unknown: {report['unknown_reason']}")
                if not report["stopped"] and not (schedule.settles and report["unknown"]):
                    break
            attempt.options["resume"] = Path(attempt.options["journal"]).exists()
            Path(attempt.out).unlink(missing_ok=True)
            await _ended(attempt.start())
        else:
            raise AssertionError(f"seed {schedule.seed}: no attempt came to the end: {ends}")
        faults.replace([])
        kinds = {kind for _, kind, _ in proxy.made} - {"pass"} | {kind for *_, kind in faults.made}
        _check(schedule, sandbox, report_of(attempt))
        return {"killed": killed, "kinds": kinds, "attempts": attempt.options.get("resume", False)}


def _check(schedule: Schedule, sandbox: Sandbox, report: dict[str, object]) -> None:
    seed = f"seed {schedule.seed} ({schedule.mode})"
    ids = sandbox.store.search("res.partner", [["ref", "like", f"s{schedule.seed}-%"]], archived=True)
    stored = [values["ref"] for values in sandbox.store.get("res.partner", ids).values()]
    times = collections.Counter(int(ref.rpartition("-")[2]) for ref in stored)
    assert not [row for row, count in times.items() if count > 1], f"{seed}: rows twice"
    assert not set(times) & set(schedule.bad), f"{seed}: bad rows went in"
    counts = [report[name] for name in ("created", "updated", "unchanged", "deleted", "rejected", "unknown")]
    assert report["read"] == sum(counts) == schedule.rows, f"{seed}: {counts} of {report['read']}"
    unknown = {row for start, stop in report["unknown_rows"] for row in range(start, stop)}
    assert len(unknown) == report["unknown"]
    rejected = _rejected(report["rejects_file"])
    assert len(rejected) == len(set(rejected)) == report["rejected"], (
        f"{seed}: the reject file has {len(rejected)} rows"
    )
    assert set(rejected) | unknown >= set(schedule.bad), f"{seed}: a bad row is not told of"
    missing = set(range(schedule.rows)) - set(times)
    if schedule.settles:
        assert missing == set(schedule.bad) == set(rejected), f"{seed}: rows missing {sorted(missing)}"
    else:
        assert missing <= unknown | set(rejected), f"{seed}: rows lost without a word"
        assert not set(times) & set(rejected), f"{seed}: a rejected row is there"
    recorded = {
        row: record_id for first, start, length in report["ids"] for row, record_id in _run_of(first, start, length)
    }
    found = sandbox.store.get("res.partner", list(recorded.values()))
    for row, record_id in recorded.items():
        assert found[record_id]["ref"] == f"s{schedule.seed}-{row}", f"{seed}: row {row} has another's id"


def _run_of(first: int, start: int, length: int) -> list[tuple[int, int]]:
    return [(first + offset, start + offset) for offset in range(length)]


def _rejected(path: str | None) -> list[int]:
    if path is None or not Path(path).exists():
        return []
    with Path(path).open(newline="") as file:
        return [int(record["_row"]) for record in csv.DictReader(file)]


@pytest.mark.timeout(1200)
async def test_every_row_ends_as_the_report_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = iter(range(FIRST_SEED, FIRST_SEED + SCHEDULES))
    done: dict[int, dict[str, object]] = {}

    async def lane() -> None:
        for seed in seeds:
            done[seed] = await _run(Schedule.of(seed), tmp_path)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(LANES):
            lanes.create_task(lane())
    killed = sum(1 for one in done.values() if one["killed"])
    few = [seed for seed, one in done.items() if len(one["kinds"]) < 3]
    with capsys.disabled():
        print(f"\n{len(done)} schedules, seeds {min(done)} to {max(done)}: {killed} killed with SIGKILL and resumed")
    assert len(done) == SCHEDULES
    assert not few, f"schedules with fewer than three kinds of faults: {few}"
    assert killed == SCHEDULES, "some attempt ended before it could be killed"
