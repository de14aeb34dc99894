"""Plugins that break their contracts in the middle of a run: one clear line, nothing lost, the report adds up."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any

import misbehaving
import pytest

import zenoo_fast.engine.validated
from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.caller import SendPolicy
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.importing import import_records
from zenoo_fast.plugins import ValidatorSpec, hookimpl, manager

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from zenoo_fast.engine.report import ImportReport
    from zenoo_fast.sandbox import Sandbox

ROWS = 18_000
TRIGGER = 12_000
"""In the second of three blocks."""
RECORDS = [{"name": "trigger" if number == TRIGGER else f"n {number}"} for number in range(ROWS)]


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[ZenooClient]:
    async with ZenooClient(sandbox.url) as connected:
        await connected.login_with_api_key(sandbox.database, sandbox.login, sandbox.api_key)
        yield connected


async def stored(client: ZenooClient) -> int:
    return await client.search_count("res.partner", ["|", ("name", "=like", "n %"), ("name", "=", "trigger")])


async def run(client: ZenooClient, what: str, form: str, workers: int, **options: Any) -> ImportReport:
    spec = ValidatorSpec(f"misbehaving:{form}", {"what": what})
    return await import_records(
        client, "res.partner", RECORDS, workers=workers, validators=[spec], chunk_size=500, **options
    )


BREAKS = {
    "raises": "failed: KeyError: 'vat'",
    "exits": "failed: SystemExit: no licence",
    "answers_a_list": "answered a list, not a Verdict or None",
    "rejects_with_texts": "rejects with a str, not a Fault",
    "rejects_past_the_end": "rejects record ",
    "rejects_without_a_message": "rejects record 0 without a message",
    "changes_past_the_end": "changes record -1, and was given ",
    "changes_to_a_text": "answered changes of record 0 that are no mapping but a str",
    "too_few_values": "gives 1 values of name for ",
}


CASES = [(what, form, 0) for what in BREAKS for form in ("Validator", "Columns")]
CASES += [("raises", "Validator", 2), ("exits", "Validator", 2), ("too_few_values", "Columns", 2)]


@pytest.mark.parametrize(("what", "form", "workers"), CASES)
async def test_a_validator_that_breaks_its_contract_stops_the_run(
    client: ZenooClient, what: str, form: str, workers: int
) -> None:
    report = await run(client, what, form, workers)
    assert report.stopped.startswith(f"validator misbehaving:{form} {BREAKS[what]}"), report.stopped
    assert report.stopped.endswith("(at rows 8000 to 15999; these and the rows after them were not read)")
    assert "\n" not in report.stopped
    assert report.not_read
    assert report.adds_up
    assert (report.read, report.created, report.rejected, report.unknown) == (8000, 8000, 0, 0)
    assert await stored(client) == 8000


@pytest.mark.parametrize("workers", [0, 2])
async def test_values_without_json(client: ZenooClient, workers: int) -> None:
    report = await run(client, "values_without_json", "Validator", workers)
    if workers:
        assert "changes name of record 0" in report.stopped
        assert report.created == 8000
    else:
        # Where it need not cross a process, the record alone is at fault.
        assert [(one.row, one.field) for one in report.rejects] == [(8000, "name")]
        assert report.created == ROWS - 1
    assert report.adds_up
    assert await stored(client) == report.created


@pytest.mark.parametrize("workers", [0, 2])
async def test_a_validator_that_blocks_is_named_and_calls_go_on(
    client: ZenooClient, workers: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(zenoo_fast.engine.validated, "SLOW_SECONDS", 0.1)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    with caplog.at_level(logging.WARNING):
        report = await run(client, "blocks", "Validator", workers)
    ticking.cancel()
    assert (report.created, report.stopped) == (ROWS, "")
    assert ticks > 10, "the loop went on"
    (record,) = [one for one in caplog.records if one.name == "zenoo_fast.engine.validated"]
    assert record.getMessage().startswith("validator misbehaving:Validator takes longer than 0.1 s over 8000 records")


async def test_a_validator_that_ends_its_worker_stops_the_run(
    client: ZenooClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        report = await run(client, "dies", "Validator", 2)
    assert report.stopped.startswith("validator misbehaving:Validator failed: 3 worker processes ended while it looked")
    assert report.adds_up
    # A call that was under way in a worker that died is in doubt, and its rows are counted so.
    assert report.read == 8000 == report.created + report.unknown
    assert await stored(client) >= report.created


@pytest.mark.parametrize(
    ("validator", "message"),
    [
        ("misbehaving:Nothing", "misbehaving:Nothing cannot be imported: AttributeError"),
        ("no_such_module:X", "no_such_module:X cannot be imported: ModuleNotFoundError"),
        ("misbehaving:os", "cannot be called"),
        ("misbehaving:NoForm", 'form is "dicts" or "arrow", not None'),
        ("misbehaving:NoValidate", "a NoValidate has no validate"),
        ("misbehaving:NeedsConfig", "missing 1 required keyword-only argument: 'key'"),
        (3, "a int has no validate|form is"),
        ("unheard-of", "there is no validator 'unheard-of'"),
    ],
)
@pytest.mark.parametrize("workers", [0, 2])
async def test_what_is_no_validator_is_refused_before_the_run(
    client: ZenooClient, sandbox: Sandbox, validator: Any, message: str, workers: int
) -> None:
    before = sandbox.calls
    with pytest.raises(ConfigurationError, match=message):
        await import_records(client, "res.partner", RECORDS, workers=workers, validators=[validator])
    assert sandbox.calls == before, "nothing was asked and nothing was sent"


async def test_what_cannot_cross_into_workers_is_refused_before_the_run(
    client: ZenooClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Local(misbehaving.Validator): ...

    unsendable = ValidatorSpec("misbehaving:NeedsConfig", {"key": object()})
    monkeypatch.setenv("HOME_OF_THE_RUN", str(os.getpid()))
    for validator, why in (
        (misbehaving.Validator(), "the validator Validator is an object, which cannot cross into another process"),
        (Local, "defined inside a function, where no other process can find it"),
        (unsendable, "its configuration has no JSON form"),
        ("misbehaving:BrokenInWorkers", "RuntimeError: only at home"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            await import_records(client, "res.partner", RECORDS, workers=2, validators=[validator])
        assert await stored(client) == 0
    for validator in (misbehaving.Validator(), Local, unsendable):
        # Left to itself, the import stays in one process.
        report = await import_records(client, "res.partner", RECORDS[:10], validators=[validator])
        assert (report.created, report.tuning["workers"]) == (10, 0)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["Transport", "AnswersText"])
async def test_a_transport_that_breaks_its_contract_leaves_the_call_in_doubt(
    sandbox: Sandbox, kind: str, workers: int
) -> None:
    policy = SendPolicy(retries=0)
    async with ZenooClient(sandbox.url, transport=f"misbehaving:{kind}") as client:
        await client.login_with_api_key(sandbox.database, sandbox.login, sandbox.api_key)
        options: dict[str, Any] = {"workers": workers, "chunk_size": 100, "policy": policy}
        report = await import_records(client, "res.partner", RECORDS[TRIGGER - 150 : TRIGGER + 150], **options)
        assert (report.read, report.created, report.unknown, report.adds_up) == (300, 200, 100, True)
        assert list(report.unknown_rows.ranges()) == [(100, 200)]
        assert "transport" in report.unknown_reason
        assert await stored(client) == 200


@pytest.mark.parametrize("where", ["start", "update", "called", "finish"])
async def test_a_failing_reporter_never_fails_a_run(
    client: ZenooClient, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    bad, good = misbehaving.Reporter(where), misbehaving.Reporter("never")
    with caplog.at_level(logging.WARNING):
        report = await import_records(client, "res.partner", RECORDS[:100], progress=[bad, good], workers=0)
    assert (report.created, report.stopped) == (100, "")
    assert bad.told.count(where) == 1
    assert bad.told[-1] == where
    assert {"start", "update", "called", "finish"} == set(good.told)
    (record,) = caplog.records
    assert record.getMessage() == (
        f"progress reporter Reporter failed in {where} and is left out: OSError: the monitoring is away"
    )


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[manager.Plugins]:
    """This process's plugins: only those that the test registers."""
    fresh = manager.Plugins(entry_points=[])
    monkeypatch.setattr(manager, "installed", lambda: fresh)
    return fresh


class Events:
    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    @hookimpl
    def run_started(self, run: Any) -> None:
        self.told.append(("started", run.run_id))

    @hookimpl
    def chunk_done(self, run: Any, settled: Any) -> None:
        self.told.append((settled.state.value, len(settled.chunk)))
        if len(self.told) == 3:
            raise OSError("enough")

    @hookimpl
    def run_finished(self, report: Any) -> None:
        self.told.append(("finished", report.read))


async def test_run_events_are_told_and_fail_no_run(
    client: ZenooClient, plugins: manager.Plugins, caplog: pytest.LogCaptureFixture
) -> None:
    events, broken = Events(), Events()
    plugins.register(events, "listener")
    options: dict[str, Any] = {"chunk_size": 50, "concurrency": 1, "workers": 0}
    report = await import_records(client, "res.partner", RECORDS[:100], run_id="abc", **options)
    assert report.created == 100
    assert events.told == [("started", "abc"), ("created", 50), ("created", 50)]
    assert [record.getMessage() for record in caplog.records] == [
        "plugin listener failed in chunk_done and is told nothing more: OSError: enough"
    ]
    events.told.clear()
    report = await import_records(client, "res.partner", RECORDS[:50], run_id="def", **options)
    assert events.told == [("started", "def"), ("created", 50), ("finished", 50)]
    assert broken.told == []


def broken_source(path: str) -> Iterator[dict[str, Any]]:
    for number in range(5000):
        yield {"name": f"n {number}"}
    raise LookupError("the archive is damaged")


async def broken_stream(path: str) -> AsyncIterator[dict[str, Any]]:
    for number in range(5000):
        yield {"name": f"n {number}"}
    raise LookupError("the archive is damaged")


@pytest.mark.parametrize("source", [broken_source, broken_stream])
async def test_a_source_that_fails_stops_the_run(
    client: ZenooClient, plugins: manager.Plugins, tmp_path: Path, source: Any
) -> None:
    class Archive:
        @hookimpl
        def register_sources(self) -> dict[str, Any]:
            return {".zip": source, "archive": source, "number": lambda text: 3}

    plugins.register(Archive(), "archive")
    (tmp_path / "x.zip").touch()
    for given in (str(tmp_path / "x.zip"), "archive:today"):
        report = await import_records(client, "res.partner", given)
        name = ".zip" if given.endswith("zip") else "archive"
        assert report.stopped == f"source {name} (plugin archive) failed: LookupError: the archive is damaged"
        assert (report.read, report.created, report.adds_up, report.not_read) == (4000, 4000, True, True)
    with pytest.raises(ConfigurationError, match=r"source number .* gave a int, not an iterable"):
        await import_records(client, "res.partner", "number:3")
