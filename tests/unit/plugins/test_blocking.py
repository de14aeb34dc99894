"""Plugins that block for five seconds: named in one line, nothing lost, the report adds up."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from zenoo_fast.client import ZenooClient
from zenoo_fast.importing import import_records
from zenoo_fast.plugins import ValidatorSpec, held, hookimpl, manager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zenoo_fast.sandbox import Sandbox

SECONDS = 5.0
RECORDS = [{"name": "trigger" if number == 500 else f"n {number}"} for number in range(1000)]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was named by an earlier test is named again; plugins are those that a test registers."""
    monkeypatch.setattr(held, "_told", set())
    plugins = manager.Plugins(entry_points=[])
    monkeypatch.setattr(manager, "installed", lambda: plugins)


async def run(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, source: Any = RECORDS, transport: str = "auto", **options: Any
) -> list[str]:
    """What is warned of while everything goes in all the same."""
    settings: dict[str, Any] = {"workers": 0, "chunk_size": 100, "concurrency": 2, **options}
    with caplog.at_level(logging.WARNING):
        async with ZenooClient(sandbox.url, transport=transport) as client:
            await client.login_with_api_key(sandbox.database, sandbox.login, sandbox.api_key)
            report = await import_records(client, "res.partner", source, **settings)
            assert (
                await client.search_count("res.partner", ["|", ("name", "=like", "n %"), ("name", "=", "trigger")])
                == 1000
            )
    assert (report.read, report.created, report.unknown, report.stopped) == (1000, 1000, 0, "")
    assert report.adds_up
    return [record.getMessage() for record in caplog.records]


class Slow:
    """Blocks once, whatever it is asked to do."""

    def __init__(self) -> None:
        self.done = False

    def wait(self) -> None:
        if not self.done:
            self.done = True
            time.sleep(SECONDS)


class Reporter(Slow):
    def start(self, run: object) -> None: ...

    def update(self, progress: object) -> None:
        self.wait()

    def finish(self, report: object) -> None: ...


class Listener(Slow):
    @hookimpl
    def chunk_done(self) -> None:
        self.wait()


class Source(Slow):
    @hookimpl
    def register_sources(self) -> dict[str, Any]:
        return {"archive": self.read}

    def read(self, _text: str) -> Iterator[dict[str, Any]]:
        yield from RECORDS[:700]
        self.wait()
        yield from RECORDS[700:]


def one(messages: list[str], who: str) -> None:
    (message,) = messages
    assert re.fullmatch(
        re.escape(who) + r" held the event loop up for \d+\.\d s: nothing was sent .* meanwhile", message
    )


async def test_a_reporter(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    one(await run(sandbox, caplog, progress=Reporter()), "progress reporter Reporter")


async def test_a_listener(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    manager.installed().register(Listener(), "listener")
    one(await run(sandbox, caplog), "plugin listener")


async def test_a_source(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    manager.installed().register(Source(), "archive")
    one(await run(sandbox, caplog, "archive:today"), "source archive (plugin archive)")


async def test_a_transport(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    messages = await run(sandbox, caplog, transport="misbehaving:Blocks")
    one(messages, "something in this process, perhaps the transport blocking,")


async def test_a_transport_in_a_worker_holds_up_its_own_calls_only(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    assert await run(sandbox, caplog, transport="misbehaving:Blocks", workers=2) == []
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "held the event loop" in line]
    assert "perhaps the transport blocking, held" in line


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("form", ["Validator", "Columns"])
async def test_a_validator(sandbox: Sandbox, caplog: pytest.LogCaptureFixture, form: str, workers: int) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.05)
            ticks += 1

    ticking = asyncio.create_task(tick())
    spec = ValidatorSpec(f"misbehaving:{form}", {"what": "blocks", "seconds": SECONDS})
    (message,) = await run(sandbox, caplog, validators=[spec], workers=workers)
    ticking.cancel()
    assert message.startswith(f"validator misbehaving:{form} takes longer than 3 s over 1000 records; calls under way")
    assert ticks > 20, "the loop went on"
