"""Every command and every program of the README and of the documentation runs as it is written.

What names a server (addresses, databases, keys) is replaced by the sandbox's; what sets up a machine is left out. The
page "Write a plugin" has a test of its own; what "On a Ray cluster" shows is tested with its plugin, which brings Ray.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import os
import re
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from zenoo_fast.client import ZenooClient
from zenoo_fast.sandbox import Fault

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
OWN_TEST = {"distributed.md", "write-a-plugin.md"}
PAGES = [ROOT / "README.md", *sorted(one for one in (ROOT / "docs").rglob("*.md") if one.name not in OWN_TEST)]
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SET_UP = ("make ", "pip install", "export ")
"""Commands that set up a machine, or name a server."""
ELSEWHERE = ("postgresql://", "crm/*.parquet")
"""Data of servers and folders that are not there."""
FILE = "name,email,color\nAda,ada@example.com,1\nGrace,grace@example.com,blue\nEdsger,e@example.com,2\n"


def blocks(page: Path, language: str) -> list[str]:
    found = [text for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]
    return [text for text in found if language != "python" or not any(one in text for one in ELSEWHERE)]


def commands(page: Path) -> list[str]:
    lines = [line for text in blocks(page, "console") for line in text.splitlines()]
    found = [line[2:] for line in lines if line.startswith("$ ") and not line[2:].startswith(SET_UP)]
    return [one for one in found if not any(elsewhere in one for elsewhere in ELSEWHERE)]


def write_inputs(folder: Path) -> None:
    """The files that pages import."""
    (folder / "partners.csv").write_text(FILE)
    (folder / "partners.jsonl").write_text('{"name": "Ada", "color": 1}\n{"name": "Grace", "color": "blue"}\n')
    write_table(pa.table({"name": ["Ada"], "color": [1]}), folder / "partners.parquet")
    with contextlib.closing(sqlite3.connect(folder / "shop.db")) as shop:
        shop.execute("CREATE TABLE customer AS SELECT 'Ada' AS name")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [one for one in PAGES if commands(one)], ids=named)
async def test_the_commands_of_a_page_run(sandbox: Sandbox, tmp_path: Path, page: Path) -> None:
    settings = ("url", "database", "login", "api_key")
    env = {name: value for name, value in os.environ.items() if not name.startswith("ZENOO_FAST_")}
    env |= {f"ZENOO_FAST_{name.upper()}": getattr(sandbox, name) for name in settings}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    write_inputs(tmp_path)
    if any("--resume" in one for one in commands(page)):
        sandbox.faults.plan = [Fault("close-after", method="create", calls=(1,))]
    for command in commands(page):
        wanted = f"{command} --server-limit 0" if " reconcile " in command else command
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("bash", "-c", wanted, cwd=tmp_path, env=env, stderr=pipe)
        _, errors = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode in {0, 1}, f"{wanted}: {errors.decode()}"
        assert "Traceback" not in errors.decode()


def replaced(text: str, sandbox: Sandbox) -> str:
    """With the sandbox's names for the examples' own."""
    for ours, theirs in {
        "https://odoo.example.com": sandbox.url,
        "production": sandbox.database,
        "…": sandbox.api_key,
    }.items():
        text = text.replace(f'"{ours}"', f'"{theirs}"')
    return text


PROGRAMS = [(page, number) for page in PAGES for number, _ in enumerate(blocks(page, "python"))]
IDS = [f"{named(page)}-{number}" for page, number in PROGRAMS]


@pytest.mark.parametrize(("page", "number"), PROGRAMS, ids=IDS)
async def test_a_program_of_a_page_runs(sandbox: Sandbox, tmp_path: Path, page: Path, number: int) -> None:
    text = replaced(blocks(page, "python")[number], sandbox)
    if "asyncio.run(" in text:
        (tmp_path / "partners.csv").write_text(FILE)
        (tmp_path / "program.py").write_text(text)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "program.py"), cwd=tmp_path, stdout=pipe, stderr=pipe
        )
        out, errors = await asyncio.wait_for(process.communicate(), 60)
        assert (process.returncode, out.decode()) == (0, "2 1 0\n"), errors.decode()
        return
    async with ZenooClient(sandbox.url) as client:
        await client.login_with_api_key(sandbox.database, sandbox.login, sandbox.api_key)
        space = await _names(client, sandbox)
        # What an earlier piece of the page has made is there in the later ones.
        for earlier in blocks(page, "python")[:number]:
            if "asyncio.run(" not in earlier:
                await _run(replaced(earlier, sandbox), space)
        await _run(text, space)


async def _names(client: ZenooClient, sandbox: Sandbox) -> dict[str, Any]:
    """What pieces of programs take for granted."""
    session = {"database": sandbox.database, "username": sandbox.login, "password": sandbox.password, "uid": client.uid}
    parts = urlsplit(sandbox.url)
    old = {"host": parts.hostname, "port": parts.port, "protocol": parts.scheme, "_session": SimpleNamespace(**session)}
    return {
        "client": client,
        "old_client": SimpleNamespace(**old),
        "records": [{"name": "A"}, {"name": "B"}],
        "partners": [{"name": "C"}, {"name": "D"}],
        "contacts": [{"name": "E"}, {"name": "F", "parent_id": 2_000_000_000}],
        "parent_id": await client.create("res.partner", {"name": "Parent"}),
    }


async def _run(text: str, space: dict[str, Any]) -> None:
    found = eval(compile(text, "<page>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), space)
    if inspect.isawaitable(found):
        await found


def test_there_is_something_to_run() -> None:
    assert sum(len(commands(page)) for page in PAGES) >= 8
    assert len(PROGRAMS) >= 6
