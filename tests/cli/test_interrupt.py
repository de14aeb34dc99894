"""Ctrl-C in the middle of a real import: what was in flight is awaited and counted, and --resume goes on from there."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from zenoo_fast.sandbox import Fault

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox

ROWS = 2000
FIXED = ("--chunk-size", "50", "--concurrency", "2")


def write(folder: Path) -> Path:
    file = folder / "partners.csv"
    file.write_text("name\n" + "".join(f"Interrupted {row}\n" for row in range(ROWS)))
    return file


def stored(sandbox: Sandbox) -> int:
    return len(sandbox.store.search("res.partner", [["name", "=like", "Interrupted%"]]))


async def some_are_in(sandbox: Sandbox, process: Any) -> None:
    async with asyncio.timeout(30):
        while stored(sandbox) < 100:
            assert process.returncode is None, (await process.communicate())[1]
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_import_adds_up_and_goes_on(
    zenoo_fast: Any, started: Any, finished: Any, sandbox: Sandbox, tmp_path: Path, workers: str, number: signal.Signals
) -> None:
    sandbox.faults.plan = [Fault("delay", method="create", seconds=0.1)]
    command = ("import", write(tmp_path), "--model", "res.partner", "--json", "--workers", workers, *FIXED)
    process = await started(*command, server=sandbox)
    await some_are_in(sandbox, process)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == int(workers)
    process.send_signal(number)
    ended = await finished(process)
    report = ended.report
    assert ended.code == 130, ended.err
    assert "stopping; waiting for the calls in flight" in ended.err
    assert "--resume" in ended.err
    assert 0 < report["created"] < ROWS
    assert report["unknown"] == 0
    assert report["created"] == stored(sandbox)
    assert not [one for one in children if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]

    sandbox.faults.plan = []
    ended = await zenoo_fast(*command, "--resume", server=sandbox)
    assert (ended.code, ended.report["created"]) == (0, ROWS), ended.err
    assert stored(sandbox) == ROWS
    assert not (tmp_path / "partners.csv.journal").exists()


@pytest.mark.parametrize("workers", ["0", "2"])
async def test_ctrl_c_in_a_terminal_reaches_the_workers_too_and_does_no_harm(
    started: Any, finished: Any, sandbox: Sandbox, tmp_path: Path, workers: str
) -> None:
    sandbox.faults.plan = [Fault("delay", method="create", seconds=0.1)]
    command = ("import", write(tmp_path), "--model", "res.partner", "--json", "--workers", workers, *FIXED)
    process = await started(*command, server=sandbox)
    await some_are_in(sandbox, process)
    os.killpg(process.pid, signal.SIGINT)
    ended = await finished(process)
    assert ended.code == 130, ended.err
    assert ended.report["unknown"] == 0
    assert ended.report["created"] == stored(sandbox)


async def test_a_second_one_ends_the_run_at_once(started: Any, finished: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    """The calls in flight hang; the rows they carry are sent and their end not known: the journal says so."""
    sandbox.faults.plan = [Fault("delay", method="create", calls=(4, 5), seconds=20.0)]
    command = ("import", write(tmp_path), "--model", "res.partner", "--json", "--workers", "0", *FIXED)
    process = await started(*command, server=sandbox)
    await some_are_in(sandbox, process)
    while len(sandbox.faults.made) < 2:  # noqa: ASYNC110 - the sandbox tells nobody
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert b"stopping" in await _line(process.stderr, b"stopping")
    process.send_signal(signal.SIGINT)
    ended = await finished(process)
    assert ended.code == 130, ended.err
    assert "Traceback" not in ended.err
    assert f"{tmp_path / 'partners.csv.journal'}: the same command with --resume" in ended.err
    assert (tmp_path / "partners.csv.journal").exists()


async def _line(stream: asyncio.StreamReader, word: bytes) -> bytes:
    async with asyncio.timeout(10):
        async for line in stream:
            if word in line:
                return line
    raise AssertionError(word)
