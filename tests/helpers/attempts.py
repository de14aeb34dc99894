"""One attempt of an import in a process of its own, that may be killed at any moment."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from zenoo_fast.cli.outcome import as_json
from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.breaker import Breaker
from zenoo_fast.engine.caller import SendPolicy
from zenoo_fast.engine.retry import Backoff, RetryBudget
from zenoo_fast.importing import import_records

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["attempts", "zenoo_fast.transports.json2", "zenoo_fast.engine.pool"])


@dataclass
class Attempt:
    """What one attempt does. Everything is plain data: it crosses into the process.

    `options` are `import_records`'s; the waits are short, the rules the same as ever.
    """

    url: str
    database: str
    login: str
    api_key: str
    model: str
    source: str
    out: str
    options: dict[str, Any] = field(default_factory=dict)

    def start(self) -> ForkServerProcess:
        """Start the process."""
        process = _context.Process(target=_run, args=(self,))
        process.start()
        return process


def _run(attempt: Attempt) -> None:
    os.setpgid(0, 0)
    asyncio.run(_import(attempt))


async def _import(attempt: Attempt) -> None:
    policy = SendPolicy(
        timeout=10.0,
        retries=12,
        outage_seconds=20.0,
        backoff=Backoff(0.01, 0.1),
        budget=RetryBudget(1.0, 200),
        breaker=Breaker(threshold=4, base=0.05, cap=0.2),
    )
    client = ZenooClient(attempt.url)
    for left in reversed(range(20)):
        try:
            await client.login_with_api_key(attempt.database, attempt.login, attempt.api_key)
            report = await import_records(client, attempt.model, attempt.source, policy=policy, **attempt.options)
            break
        except Exception:
            if not left:
                raise
            # The faults meet the log-in and the first questions too: a user would run the command again.
            if Path(attempt.options["journal"]).exists() and not attempt.options.get("resume"):
                raise
            await asyncio.sleep(0.02)
    await client.close()
    Path(attempt.out).write_text(as_json(report, report.rejects_file))


def report_of(attempt: Attempt) -> dict[str, Any]:
    """The report that the attempt left."""
    found: dict[str, Any] = json.loads(Path(attempt.out).read_text())
    return found
