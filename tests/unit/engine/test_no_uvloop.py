"""Where uvloop is not installed, workers use asyncio's own loop."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox


async def test_workers_go_without_uvloop_and_that_is_said_once(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "uvloop.py").write_text("raise ImportError('not here')\n")
    (tmp_path / "rows.csv").write_text("name\n" + "".join(f"Row {row}\n" for row in range(300)))
    settings = {
        f"ZENOO_FAST_{name.upper()}": getattr(sandbox, name) for name in ("url", "database", "login", "api_key")
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "zenoo_fast", "--debug", "import", "rows.csv", "--model", "res.partner"),
        *("--workers", "2", "--chunk-size", "50"),
        cwd=tmp_path,
        env={**os.environ, **settings, "PYTHONPATH": str(tmp_path)},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    assert errors.decode().count("uvloop is not installed") == 1
    assert sandbox.store.search("res.partner", [["name", "=like", "Row%"]], archived=True)
