"""Faults of a real Odoo 19: restarts, killed workers, time limits, lost answers; all through the command line.

Every fault waits for rows to be in, never for time to pass: a slow machine meets the same faults.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from private_postgres import PrivatePostgres
from real_odoo import PrivateOdoo

from zenoo_fast.sandbox.proxy import FaultProxy, ProxyFault

pytestmark = [pytest.mark.odoo, pytest.mark.timeout(600)]

Servers = Callable[..., PrivateOdoo]


def write(path: Path, rows: int, prefix: str) -> None:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["name", "ref", "color", "comment"])
        out.writerows((f"{prefix} {row}", f"{prefix}-{row}", row % 11, "x" * 40) for row in range(rows))


def settings(url: str, server: PrivateOdoo) -> dict[str, str]:
    return {
        **os.environ,
        "ZENOO_FAST_URL": url,
        "ZENOO_FAST_DATABASE": server.database,
        "ZENOO_FAST_LOGIN": server.login,
        "ZENOO_FAST_API_KEY": server.api_key,
    }


_started: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    for process in _started:
        if process.poll() is None:
            process.kill()
            process.communicate()
    _started.clear()


def command(url: str, server: PrivateOdoo, source: Path, *options: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "zenoo_fast", "import", source, "--model", "res.partner", "--json", *options],
        env=settings(url, server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _started.append(process)
    return process


def report_of(process: subprocess.Popen[str], limit: float = 500.0) -> dict[str, Any]:
    out, err = process.communicate(timeout=limit)
    assert out, err
    report: dict[str, Any] = json.loads(out)
    report["stderr"] = err
    report["exit"] = process.returncode
    assert report["adds_up"]
    return report


def reached(server: PrivateOdoo, prefix: str, rows: int, process: subprocess.Popen[str]) -> None:
    """Wait until so many rows are in, and the import is still at it."""
    while counts(server, prefix)[0] < rows:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    assert process.poll() is None, "the import was over before the fault"


def counts(server: PrivateOdoo, prefix: str) -> tuple[int, int, int]:
    """(records, different refs, external ids that point at them)."""
    [(records, refs)] = server.sql(f"SELECT count(*), count(DISTINCT ref) FROM res_partner WHERE ref LIKE '{prefix}-%'")
    [(external,)] = server.sql(
        "SELECT count(DISTINCT (d.module, d.name)) FROM ir_model_data d JOIN res_partner p ON d.model = 'res.partner' "
        f"AND d.res_id = p.id WHERE p.ref LIKE '{prefix}-%'"
    )
    return int(records), int(refs), int(external)


def test_killed_five_times_and_the_server_restarted_twice(odoo_server: Servers, tmp_path: Path) -> None:
    server = odoo_server()
    source = tmp_path / "partners.csv"
    write(source, 20_000, "kill")
    chance = random.Random(19)
    process = command(server.url, server, source, "--idempotent")
    for number, rows in enumerate(sorted(chance.sample(range(500, 16_000), 5))):
        reached(server, "kill", rows, process)
        back = threading.Thread(target=server.restart) if number in {1, 3} else None
        if back is not None:
            back.start()
        time.sleep(chance.uniform(0.0, 1.0))
        process.kill()
        process.communicate()
        if back is not None:
            back.join()
        process = command(server.url, server, source, "--idempotent", "--resume")
    report = report_of(process)
    assert report["exit"] == 0, report["stderr"]
    assert (report["read"], report["created"] + report["unchanged"]) == (20_000, 20_000)
    assert report["resumed"] > 0
    assert counts(server, "kill") == (20_000, 20_000, 20_000)


async def test_answers_lost_after_the_commit(odoo_server: Servers, tmp_path: Path) -> None:
    server = await asyncio.to_thread(odoo_server)
    source = tmp_path / "partners.csv"
    write(source, 4_000, "lost")
    passes, loses = ProxyFault("pass"), ProxyFault("lose-answer")
    async with FaultProxy(server.url, sequence=[loses, passes] * 20, only="/load ") as proxy:
        process = command(proxy.url, server, source, "--idempotent", "--chunk-size", "100", "--concurrency", "2")
        report = await asyncio.to_thread(report_of, process)
        lost = [one for one in proxy.made if one[1] == "lose-answer"]
    assert len(lost) == 20
    assert report["exit"] == 0, report["stderr"]
    assert counts(server, "lost") == (4_000, 4_000, 4_000)


async def test_answers_lost_of_a_plain_create(odoo_server: Servers, tmp_path: Path) -> None:
    """Never sent again, listed as unknown, and settled by asking: no row twice, none missing."""
    server = await asyncio.to_thread(odoo_server)
    source = tmp_path / "partners.csv"
    write(source, 2_000, "plain")
    passes, loses, cuts = ProxyFault("pass"), ProxyFault("lose-answer"), ProxyFault("reset-middle")
    journal = tmp_path / "plain.journal"
    async with FaultProxy(server.url, sequence=[loses, passes, cuts, passes] * 3, only="/create ") as proxy:
        options = ("--chunk-size", "100", "--concurrency", "1", "--journal", str(journal))
        report = await asyncio.to_thread(report_of, command(proxy.url, server, source, *options))
        assert report["exit"] == 1
        assert report["unknown"] == 600
        assert report["created"] == 1_400
        reconcile = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "zenoo_fast", "reconcile", journal, "--server-limit", "0", "--json"],
            env=settings(proxy.url, server),
            capture_output=True,
            text=True,
            check=False,
        )
        found = json.loads(reconcile.stdout)
        assert (found["doubted"], found["found"], found["absent"], found["unknown"]) == (600, 300, 300, 0)
        report = await asyncio.to_thread(report_of, command(proxy.url, server, source, *options, "--resume"))
    assert (report["created"], report["unknown"]) == (2_000, 0)
    assert counts(server, "plain")[:2] == (2_000, 2_000)


def test_the_server_away_for_a_minute(odoo_server: Servers, tmp_path: Path) -> None:
    server = odoo_server()
    source = tmp_path / "partners.csv"
    write(source, 10_000, "away")
    process = command(server.url, server, source, "--idempotent", "--progress", "jsonl")
    reached(server, "away", 1_000, process)
    server.stop()
    time.sleep(60)
    server.start()
    report = report_of(process)
    assert report["exit"] == 0, report["stderr"]
    assert counts(server, "away") == (10_000, 10_000, 10_000)
    notes = [json.loads(line)["note"] for line in report["stderr"].splitlines() if '"progress"' in line]
    assert any("waiting for the server" in note for note in notes), "it says what it waits for"


def test_an_odoo_worker_killed(odoo_server: Servers, tmp_path: Path) -> None:
    server = odoo_server()
    source = tmp_path / "partners.csv"
    write(source, 8_000, "worker")
    process = command(server.url, server, source, "--idempotent", "--concurrency", "4")
    for rows in (500, 2_500, 4_500):
        reached(server, "worker", rows, process)
        server.kill_worker()
    report = report_of(process)
    assert report["exit"] == 0, report["stderr"]
    assert counts(server, "worker") == (8_000, 8_000, 8_000)


def test_the_servers_time_limit(odoo_server: Servers, tmp_path: Path) -> None:
    """Calls that the server ends without an answer are made smaller until they fit, and the next ones begin so."""
    server = odoo_server(limit_time_real=8, limit_time_cpu=60)
    server.sql(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END $$"
    )
    server.sql("CREATE TRIGGER slow BEFORE INSERT ON res_partner FOR EACH ROW EXECUTE FUNCTION slow()")
    source = tmp_path / "partners.csv"
    write(source, 4_000, "limit")
    process = command(server.url, server, source, "--idempotent", "--chunk-size", "1000", "--concurrency", "2")
    report = report_of(process)
    assert report["exit"] == 0, report["stderr"]
    assert report["retries"] > 0, "the limit was not met: the test shows nothing"
    assert counts(server, "limit") == (4_000, 4_000, 4_000)


@pytest.fixture
def postgres(request: pytest.FixtureRequest) -> Iterator[PrivatePostgres]:
    """A PostgreSQL of the test's own."""
    cluster = PrivatePostgres(request.getfixturevalue("cached_odoo").get())
    yield cluster
    cluster.remove()


def test_postgresql_restarted(postgres: PrivatePostgres, odoo_server: Servers, tmp_path: Path) -> None:
    server = odoo_server(socket=postgres.socket, port=postgres.port)
    source = tmp_path / "partners.csv"
    write(source, 8_000, "pg")
    process = command(server.url, server, source, "--idempotent", "--concurrency", "4")
    for rows in (500, 2_500, 4_500):
        reached(server, "pg", rows, process)
        postgres.stop()
        time.sleep(1.0)
        postgres.start()
    report = report_of(process)
    assert report["exit"] == 0, report["stderr"]
    assert counts(server, "pg") == (8_000, 8_000, 8_000)
