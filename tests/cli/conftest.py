"""Runs the real command in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SECONDS = 60


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """What ``--json`` printed; its counts add up."""
        (line,) = self.out.splitlines()
        report: dict[str, Any] = json.loads(line)
        names = ("created", "updated", "unchanged", "deleted", "rejected", "unknown")
        assert report["read"] == sum(report[name] for name in names)
        assert report["adds_up"] is True
        return report

    def fails(self, code: int, *words: str) -> None:
        """It ended with this code and one line that says these words."""
        assert self.code == code, self.err
        (line,) = self.err.splitlines()
        assert line.startswith("zenoo-fast: error: ")
        for word in words:
            assert word in line
        assert self.out == ""


Run = Callable[..., Awaitable[Ended]]


def environment(server: Any = None, **extra: str) -> dict[str, str]:
    """The environment without settings of the machine's own, and with this server's."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("ZENOO_FAST_")}
    found |= {"COLUMNS": "100", "PYTHONWARNINGS": "error", "PYTHONUNBUFFERED": "1", "ZENOO_FAST_PLUGINS": "none"}
    if server is not None:
        found |= {"ZENOO_FAST_URL": server.url, "ZENOO_FAST_DATABASE": server.database}
        found |= {"ZENOO_FAST_LOGIN": server.login, "ZENOO_FAST_API_KEY": server.api_key}
    return found | extra


async def start(
    *arguments: str | Path, env: dict[str, str], cwd: Path, limits: Mapping[int, int] | None = None
) -> asyncio.subprocess.Process:
    """Start it, in a process group of its own as a shell does, with these limits of `resource`."""
    pipe = asyncio.subprocess.PIPE

    def limit() -> None:
        for kind, value in (limits or {}).items():
            resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))

    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "zenoo_fast", *arguments),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env=env,
        cwd=cwd,
        start_new_session=True,
        preexec_fn=limit if limits else None,
    )


async def end(process: asyncio.subprocess.Process, stdin: bytes = b"") -> Ended:
    """Wait for its end."""
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate(stdin)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


@pytest.fixture
def zenoo_fast(tmp_path: Path) -> Run:
    """Runs ``zenoo-fast`` with arguments: ``await zenoo_fast("import", …, server=sandbox)``."""

    async def run(
        *arguments: str | Path,
        server: Any = None,
        env: dict[str, str] | None = None,
        stdin: bytes = b"",
        cwd: Path = tmp_path,
        limits: Mapping[int, int] | None = None,
    ) -> Ended:
        process = await start(*arguments, env=environment(server, **(env or {})), cwd=cwd, limits=limits)
        return await end(process, stdin)

    return run


@pytest.fixture
def started(tmp_path: Path) -> Callable[..., Awaitable[asyncio.subprocess.Process]]:
    """Starts ``zenoo-fast`` and leaves it to the test; `finished` waits for its end."""

    async def run(*arguments: str | Path, server: Any = None, **env: str) -> asyncio.subprocess.Process:
        return await start(*arguments, env=environment(server, **env), cwd=tmp_path)

    return run


@pytest.fixture
def finished() -> Callable[[asyncio.subprocess.Process], Awaitable[Ended]]:
    """Waits for the end of a started command."""
    return end
