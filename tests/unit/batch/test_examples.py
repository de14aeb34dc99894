"""The example programs run as they are, against the sandbox."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox

EXAMPLES = Path(__file__).parents[3] / "examples"
SETTINGS = ("url", "database", "login", "password")


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("bulk_partners.py", ["499 created, 1 failed:", "record 123: ", "'completed_operations': 1"]),
        ("existing_client.py", ["created 250: "]),
        ("transaction.py", ["undone: something went wrong", "['Before', 'Deleted']"]),
    ],
)
async def test_an_example_runs(sandbox: Sandbox, program: str, expected: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / program),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **{f"ZENOO_FAST_{name.upper()}": getattr(sandbox, name) for name in SETTINGS}},
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    for text in expected:
        assert text in out.decode()
