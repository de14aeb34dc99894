"""An import through workers starts from whatever calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from zenoo_fast.sandbox import SandboxProcess

BODY = """
from zenoo_fast.client import ZenooClient
from zenoo_fast.importing import import_records

async def run():
    async with ZenooClient({url!r}) as client:
        await client.login("sandbox", "admin", "admin")
        records = [{{"name": f"row {{row}}"}} for row in range(500)]
        return await import_records(client, "res.partner", records, chunk_size=50, workers=2)
"""
START = "import asyncio\nreport = asyncio.run(run())\nprint(report.created, report.tuning['workers'])\n"

# Cells as a notebook's kernel runs them: one loop that is always running, top-level await, no file behind `__main__`.
NOTEBOOK = """
import ast, asyncio, inspect, json, sys
cells = json.load(sys.stdin)
async def kernel():
    space = {"__name__": "__main__"}
    for cell in cells:
        code = compile(cell, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        value = eval(code, space)
        if inspect.isawaitable(value):
            await value
asyncio.run(kernel())
"""
CELL = "report = await run()\nprint(report.created, report.tuning['workers'])\n"


@pytest.mark.parametrize("caller", ["script", "-c", "stdin", "notebook", "thread", "module"])
def test_an_import_through_workers_starts_from_any_caller(
    sandbox_process: SandboxProcess, tmp_path: Path, caller: str
) -> None:
    body = BODY.format(url=sandbox_process.url)
    script = tmp_path / "script.py"
    script.write_text(body + START)
    in_thread = body + "import asyncio, threading\n" + (
        "def go():\n    report = asyncio.run(run())\n    print(report.created, report.tuning['workers'])\n"
        "thread = threading.Thread(target=go)\nthread.start()\nthread.join()\n"
    )  # fmt: skip
    arguments, text = {
        "script": ([str(script)], ""),
        "-c": (["-c", body + START], ""),
        "stdin": (["-"], body + START),
        "notebook": (["-c", NOTEBOOK], json.dumps([body, CELL, CELL])),
        "thread": (["-c", in_thread], ""),
        "module": (["-m", "script"], ""),
    }[caller]
    done = subprocess.run(
        [sys.executable, *arguments], input=text, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == ["500 2"] * (2 if caller == "notebook" else 1), done.stderr
    assert done.stderr == ""
