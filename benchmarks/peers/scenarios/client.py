"""The client alone: what it costs, and how far it drives a slow server."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

from benchmarks.client_cpu import write_csv
from benchmarks.peers.bench import Bench
from benchmarks.peers.contenders import driver, fluvo
from benchmarks.peers.data import write_csv as write_rows
from benchmarks.peers.measure import Command, Entry, Measured, core, execute, take_turns
from benchmarks.peers.results import Bar, Section, rate, ratio_bar
from benchmarks.peers.server import Server

OURS = "zenoo-fast"
HAND = "hand-written loop"
ZENOO_RPC = "zenoo-rpc bulk_create"
CLIENT_LIB = "odoo-client-lib create"
FLUVO = "fluvo import"
LATENCY, ALLOWED = 0.05, 64


def _cost(one: Measured) -> float:
    return one.cpu_seconds / one.rows


def _of(process: object) -> Server:
    names = ("url", "database", "login", "password", "api_key")
    return Server(*(getattr(process, name) for name in names))


def client_cpu(bench: Bench) -> Section:
    """CPU of one client process a record, 500 records a call, into ``sandbox --discard``."""
    from zenoo_fast.sandbox import SandboxProcess

    rows, few = bench.rows(1_000_000, 2_000), bench.rows(200_000, 1_000)
    section = Section(
        "cpu",
        "Client CPU per record, 500 records a call, one process",
        """
        Into `zenoo-fast sandbox --discard`, which stores nothing and reads bodies with orjson; its own time is not
        counted. It has one core and the client another, so that neither drives the other's data out of the caches. User
        and system time from an interpreter with its imports (and, for dicts, its input) ready to the end of the run;
        fluvo, a command, as the difference of two whole processes over the difference of their rows. Ten fields a
        record; the hand-written loop (orjson, aiohttp, uvloop) checks nothing. The column rows/s is bounded by the
        sandbox, not by the clients.
        """,
    )
    with contextlib.ExitStack() as stack:
        with core(1):
            server = _of(stack.enter_context(SandboxProcess(discard=True)))
        stack.enter_context(core(0))

        def entry(name: str, count: int, script: str, peer: str | None, source: str, **options: object) -> Entry:
            def run() -> Measured:
                folder = bench.scratch()
                file = folder / "partners.csv"
                if source == "csv":
                    write_csv(file, count)
                more = {"source": source, "rows": count, "file": file, "chunk_size": 500, **options}
                return _told(execute(driver(server, script, peer, **more), count, folder))

            return Entry(name, run)

        for source, caption in (("dicts", "From a list of dicts:"), ("csv", "From a CSV file:")):
            entries = [
                entry(OURS, rows, "with_zenoo_fast.py", None, source, task="create", concurrency=4),
                entry(HAND, rows, "hand_written.py", "hand-written", source, concurrency=4),
            ]
            if source == "dicts":
                entries += [
                    entry(ZENOO_RPC, few, "with_zenoo_rpc.py", "zenoo-rpc", source, task="create"),
                    entry(CLIENT_LIB, few, "with_odoo_client_lib.py", "odoo-client-lib", source, task="create"),
                ]
            else:
                entries.append(Entry(FLUVO, lambda: _slope(bench, few, lambda file: fluvo(server, file))))
            runs = take_turns(f"cpu, {source}", entries, bench.rounds)
            section.add(runs, OURS, caption=caption, of=source)
            what = f"Client CPU a record, {'dicts' if source == 'dicts' else 'CSV'}"
            section.bars.append(ratio_bar(f"{what}: times the hand-written loop's", runs, OURS, HAND, 1, of=_cost))
            if source == "dicts":
                section.bars.append(ratio_bar(f"{what}: times zenoo-rpc's", runs, OURS, ZENOO_RPC, 0.1, of=_cost))
    return section


def _told(measured: Measured) -> Measured:
    """With the CPU seconds that the driver itself counted, where it made every record."""
    made = measured.answer.get("made")
    measured.cpu_seconds = measured.answer.get("cpu", measured.cpu_seconds)
    if not measured.problem and made != measured.rows:
        measured.problem = f"made {made} of {measured.rows} records"
    return measured


def _slope(bench: Bench, rows: int, command: Callable[[Path], Command]) -> Measured:
    """CPU of a command without its start: that of many rows less that of a tenth of them."""
    found = []
    for count in (rows // 10, rows):
        folder = bench.scratch()
        lines = [[f"bench.p{n}", f"Partner {n}", f"p{n}@example.com"] for n in range(count)]
        file = write_rows(folder / "partners.csv", ["id", "name", "email"], lines)
        found.append(execute(command(file), count, folder))
    small, large = found
    cpu, seconds = large.cpu_seconds - small.cpu_seconds, large.seconds - small.seconds
    return Measured(large.rows - small.rows, seconds, cpu, problem=small.problem or large.problem)


def slow_server(bench: Bench) -> Section:
    """Two workers and a server that takes 50 ms a call and 64 calls at once."""
    from zenoo_fast.sandbox import SandboxProcess

    rows, chunk = bench.rows(256_000, 2_000), 10
    ours, hand, alone = (
        "zenoo-fast, two workers",
        "hand-written loop, one process",
        "hand-written loop, one call at a time",
    )
    with SandboxProcess(discard=True) as process:
        server = _of(process)
        _delay(server)

        def entry(name: str, script: str, peer: str | None, count: int, allowed: int, **options: object) -> Entry:
            def run() -> Measured:
                more = {"source": "dicts", "rows": count, "chunk_size": chunk, "concurrency": allowed, **options}
                measured = _told(execute(driver(server, script, peer, **more), count, bench.scratch()))
                measured.seconds = measured.answer.get("seconds", measured.seconds)
                return measured

            return Entry(name, run)

        entries = [
            entry(ours, "with_zenoo_fast.py", None, rows, ALLOWED, task="create", workers=2),
            entry(hand, "hand_written.py", "hand-written", rows, ALLOWED),
            entry(alone, "hand_written.py", "hand-written", max(chunk, rows // 256), 1),
        ]
        runs = take_turns("slow", entries, bench.rounds)
    latency = chunk / rate(runs.of[alone]) if any(not one.problem for one in runs.of[alone]) else LATENCY
    possible = ALLOWED / latency
    section = Section(
        "slow",
        "A slow server: 50 ms a call, 64 calls allowed",
        f"""
        `sandbox --discard` with a delay of 50 ms before every answer, {chunk} records a call, 64 calls at once. A call
        that is alone takes {latency * 1e3:.1f} ms, measured with the hand-written loop in the same run: that permits
        {possible:,.0f} calls/s, which is {possible * chunk:,.0f} records/s (the delay by itself would permit
        {ALLOWED / LATENCY * chunk:,.0f}). Seconds of the run alone. The sandbox, which has to answer them all, and the
        client share the machine's cores.
        """,
    )
    good = [one.rate / chunk / possible for one in runs.of[ours] if not one.problem]
    measured = rate(runs.of[ours]) / chunk / possible if good else None
    section.bars = [
        Bar("Slow server: part of the calls/s that the latency permits, two workers", measured, 0.95, spread=good)
    ]
    section.add(runs, ours)
    return section


def _delay(server: Server) -> None:
    plan = {"plan": [{"kind": "delay", "method": "create", "seconds": LATENCY}]}
    request = urllib.request.Request(f"{server.url}/sandbox/faults", json.dumps(plan).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()
