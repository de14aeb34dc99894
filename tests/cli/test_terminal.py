"""On a real terminal: bars, and a password that is asked for and never shown; and keys from files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox

COMMAND = ("import", "rows.csv", "--model", "res.partner", "--no-journal")
SECONDS = 60


@pytest.fixture(autouse=True)
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    file.write_text("name,color\n" + "".join(f"Typed {row},{'red' if row == 7 else row % 9}\n" for row in range(400)))
    return file


def on_a_terminal(folder: Path, server: Sandbox, typed: str, *command: str) -> tuple[int, str]:
    """Run the command on a terminal of its own and type this when it asks; exit code and all that was shown."""
    ours, theirs = pty.openpty()
    env = {name: value for name, value in os.environ.items() if not name.startswith("ZENOO_FAST_")}
    env |= {"ZENOO_FAST_URL": server.url, "ZENOO_FAST_DATABASE": server.database, "ZENOO_FAST_LOGIN": server.login}
    env |= {"ZENOO_FAST_PLUGINS": "none", "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    with subprocess.Popen(
        [sys.executable, "-m", "zenoo_fast", *command],
        cwd=folder,
        env=env,
        preexec_fn=lambda: os.login_tty(theirs),  # noqa: PLW1509 - a system call, and nothing that a thread could hold
    ) as process:
        os.close(theirs)
        shown, until = b"", time.monotonic() + SECONDS
        # Linux ends reading a terminal that nobody has open with an error.
        with contextlib.suppress(OSError):
            while part := os.read(ours, 65536):
                shown += part
                if typed and shown.rstrip().endswith(b"Password of admin:"):
                    os.write(ours, f"{typed}\n".encode())
                    typed = ""
                assert time.monotonic() < until
        os.close(ours)
        return process.wait(SECONDS), shown.decode()


async def test_a_password_is_asked_for_and_bars_are_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.password = "typed-in-secret"
    code, shown = await asyncio.to_thread(on_a_terminal, tmp_path, sandbox, sandbox.password, *COMMAND)
    assert code == 1, shown
    assert "Password of admin:" in shown
    assert "typed-in-secret" not in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"res\.partner create .*100%.* 400 rows .*1 rejected", plain), plain[-2000:]
    assert len(sandbox.store.search("res.partner", [["name", "like", "Typed"]])) == 399


async def test_a_wrong_password_is_not_shown_either(sandbox: Sandbox, tmp_path: Path) -> None:
    code, shown = await asyncio.to_thread(on_a_terminal, tmp_path, sandbox, "mistyped-secret", "--debug", *COMMAND)
    assert code == 3, shown
    assert "Traceback" in shown
    assert "mistyped-secret" not in shown


async def test_a_key_from_a_file(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(sandbox.api_key + "\n")
    key.chmod(0o600)
    env = {"ZENOO_FAST_URL": sandbox.url, "ZENOO_FAST_DATABASE": sandbox.database, "ZENOO_FAST_LOGIN": sandbox.login}
    command = ("fields", "res.partner", "--json", "--api-key-file")
    ended = await zenoo_fast(*command, key, env=env)
    assert (ended.code, ended.err) == (0, "")
    key.chmod(0o644)
    ended = await zenoo_fast(*command, key, env=env)
    assert ended.code == 0
    assert f"{key} holds a secret and others may read it" in ended.err
    assert sandbox.api_key not in ended.err
    for content, words in (("", "on one line"), ("a\nb\n", "on one line"), (b"\xff\xfe", "not a text file")):
        key.write_bytes(content if isinstance(content, bytes) else content.encode())
        (await zenoo_fast(*command, key, env=env)).fails(2, str(key), words)
    (await zenoo_fast(*command, tmp_path / "nowhere", env=env)).fails(2, "nowhere", "No such file")
    (await zenoo_fast("fields", "res.partner", env=env)).fails(2, "no password or API key", "ZENOO_FAST_API_KEY")
