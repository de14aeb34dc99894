"""A sandbox as tests ask it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zenoo_fast.sandbox import SandboxProcess
from zenoo_fast_ray import Login, Secret


class Server:
    """A sandbox, and what is in it: read from its file, so that looking makes no calls.

    Args:
        sandbox: The process.
        path: Its file.
    """

    def __init__(self, sandbox: SandboxProcess, path: Path) -> None:
        self.sandbox = sandbox
        self.path = path
        self.most = 0
        self.login = Login(sandbox.url, sandbox.database, sandbox.login, api_key=Secret(sandbox.api_key))

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.sandbox.url}{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def slow(self, seconds: float, *methods: str) -> None:
        plan = [{"kind": "delay", "seconds": seconds, "method": one} for one in methods or [""]]
        self.ask("/sandbox/faults", {"plan": plan})

    def records(self) -> dict[int, str]:
        """Each record's reference, by id."""
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT id, json_extract(data, '$.ref') FROM res_partner ORDER BY id").fetchall()
        return {record_id: ref for record_id, ref in found if ref}

    def refs(self) -> list[str]:
        return sorted(self.records().values())

    def calls(self) -> int:
        """Calls so far, those of this object among them; asking is none."""
        counts = self.ask("/sandbox/calls")
        self.most = max(self.most, counts["most_in_flight"])
        return int(counts["calls"])

    def most_at_once(self) -> int:
        """Calls at once, at most, since this was last asked."""
        self.calls()
        most, self.most = self.most, 0
        return most


def eventually(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for it."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)
    return found
