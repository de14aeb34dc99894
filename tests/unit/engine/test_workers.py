"""Imports through worker processes: one is killed in the middle, and nothing is lost without a word."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from scripted_server import holds, rows

from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.importing import import_records
from zenoo_fast.sandbox import Fault, Faults, Sandbox

ROWS = 600


@pytest.fixture
async def slow() -> AsyncIterator[Sandbox]:
    """Every create and load takes a while, so that calls are under way at any time."""
    plan = [Fault("delay", method=method, seconds=0.05) for method in ("create", "load")]
    async with Sandbox(faults=Faults(plan)) as server:
        yield server


def worker_pids() -> list[int]:
    """The worker processes, and no other child, such as the server that forks for the fault tests."""
    return [one.pid for one in psutil.Process().children() if "zenoo_fast.engine.worker" in " ".join(one.cmdline())]


async def killed_in_the_middle(server: Sandbox, **options: Any) -> tuple[ImportReport, int]:
    async with ZenooClient(server.url) as client:
        await client.login_with_api_key(server.database, server.login, server.api_key)
        task = asyncio.create_task(
            import_records(
                client, "res.partner", rows(ROWS), chunk_size=10, concurrency=4, workers=2, run_id="killed", **options
            )
        )
        before = server.calls
        while server.calls < before + 12:
            assert not task.done(), task
            await asyncio.sleep(0.005)
        pids = worker_pids()
        assert len(pids) == 2
        os.kill(pids[0], signal.SIGKILL)
        report = await task
    assert worker_pids() == []
    holds(report)
    names = [server.store.get("res.partner", [one])[one]["name"] for one in server.store.search("res.partner", [])]
    mine = [name for name in names if name.startswith("row ")]
    assert len(mine) == len(set(mine)), "a row is there twice"
    assert {f"row {row}" for row, _ in report.ids} <= set(mine)
    return report, len(mine)


async def test_what_a_killed_worker_had_in_flight_is_unknown_and_the_rest_goes_in(slow: Sandbox) -> None:
    report, there = await killed_in_the_middle(slow)
    assert 0 < report.unknown <= 40
    assert report.created + report.unknown == ROWS
    assert report.created <= there <= ROWS
    assert "worker" in report.unknown_reason


async def test_with_external_ids_a_killed_worker_loses_nothing(slow: Sandbox) -> None:
    report, there = await killed_in_the_middle(slow, idempotent=True)
    assert (report.created, report.unknown, there) == (ROWS, 0, ROWS)
    assert report.retries > 0


async def test_workers_and_none_make_the_same_of_a_file(tmp_path: Path) -> None:
    records = rows(500)
    records[100]["name"] = ""
    file = tmp_path / "rows.csv"
    lines = [f"{one['name']},{one['ref']},{999_999 if row == 250 else ''}\n" for row, one in enumerate(records)]
    file.write_text("name,ref,country_id/.id\n" + "".join(lines))
    found = []
    for workers in (0, 2):
        async with Sandbox() as server, ZenooClient(server.url) as client:
            await client.login(server.database, server.login, server.password)
            report = await import_records(client, "res.partner", file, chunk_size=32, workers=workers)
            holds(report)
            found.append((report.created, sorted((one.row, one.field, one.message) for one in report.rejects)))
    assert found[0] == found[1]
    assert found[0][0] == 498
    assert [(row, field) for row, field, _ in found[0][1]] == [(100, "name"), (250, "country_id")]
