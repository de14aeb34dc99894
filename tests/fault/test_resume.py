"""Going on with a run that was cut off, and finding out what became of rows in doubt; on the sandbox."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.breaker import Breaker
from zenoo_fast.engine.caller import SendPolicy
from zenoo_fast.engine.crew import Control
from zenoo_fast.engine.journal import Journal
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.importing import import_records
from zenoo_fast.reconciling import reconcile_journal
from zenoo_fast.sandbox import Sandbox
from zenoo_fast.sandbox.faults import Fault
from zenoo_fast.sandbox.proxy import FaultProxy, ProxyFault

ROWS = 300


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "partners.csv"
    write(path, ROWS)
    return path


def write(path: Path, rows: int, prefix: str = "p") -> None:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["name", "ref", "color", "is_company", "website"])
        for row in range(rows):
            color = "red" if row % 100 == 50 else row % 11
            out.writerow([f"{prefix} {row}", f"{prefix}-{row}", color, row % 2, f"http://{row}.example"])


async def connect(sandbox: Sandbox, url: str = "") -> ZenooClient:
    client = ZenooClient(url or sandbox.url)
    await client.login_with_api_key(sandbox.database, sandbox.login, sandbox.api_key)
    return client


def refs(sandbox: Sandbox, prefix: str = "p") -> list[int]:
    ids = sandbox.store.search("res.partner", [["ref", "like", f"{prefix}-%"]])
    return sorted(int(one["ref"].partition("-")[2]) for one in sandbox.store.get("res.partner", ids).values())


class StopAfter:
    """A progress reporter that stops the run once so many rows are done."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.control = Control()

    def start(self, run: object) -> None: ...

    def update(self, progress: object) -> None:
        if progress.done >= self.rows:
            self.control.stop("enough")

    def finish(self, report: object) -> None: ...


def options(tmp_path: Path, **more: object) -> dict[str, object]:
    return {"chunk_size": 20, "concurrency": 2, "journal": tmp_path / "j", "rejects": tmp_path / "bad.csv", **more}


async def stopped(client: ZenooClient, source: Path, settings: dict[str, object], rows: int = 100) -> ImportReport:
    stop = StopAfter(rows)
    # Every row is its own block's worth of progress: the reporter is asked often enough only with a pause a call.
    report = await import_records(client, "res.partner", source, **settings, progress=stop, control=stop.control)
    assert report.stopped == "enough"
    assert report.not_read
    assert report.adds_up
    return report


def slow(sandbox: Sandbox) -> None:
    sandbox.faults.plan.append(Fault("delay", method="create", seconds=0.12))


async def test_goes_on_where_it_was_stopped(sandbox: Sandbox, source: Path, tmp_path: Path) -> None:
    slow(sandbox)
    client = await connect(sandbox)
    settings = options(tmp_path)
    first = await stopped(client, source, settings)
    assert 0 < first.created < ROWS - 3
    calls = sandbox.calls
    report = await import_records(client, "res.partner", source, **settings, resume=True)
    await client.close()
    assert (report.read, report.created, report.rejected, report.unknown) == (ROWS, ROWS - 3, 3, 0)
    assert report.resumed == first.created + first.rejected
    assert report.run_id == first.run_id
    assert refs(sandbox) == [row for row in range(ROWS) if row % 100 != 50]
    assert sandbox.calls - calls <= 4 + (ROWS - first.created) // 20 + 2, "what was in was not sent again"
    with (tmp_path / "bad.csv").open() as file:
        bad = list(csv.DictReader(file))
    assert [int(one["_row"]) for one in bad] == [50, 150, 250]
    assert len(report.ids) == ROWS - 3
    assert [one.row for one in report.rejects] == [50, 150, 250]


async def test_rejects_mended_and_imported_again_go_in(sandbox: Sandbox, source: Path, tmp_path: Path) -> None:
    client = await connect(sandbox)
    await import_records(client, "res.partner", source, rejects=tmp_path / "bad.csv")
    text = (tmp_path / "bad.csv").read_text()
    (tmp_path / "bad.csv").write_text(text.replace(",red,", ",3,"))
    report = await import_records(client, "res.partner", tmp_path / "bad.csv", rejects=tmp_path / "bad2.csv")
    await client.close()
    assert (report.read, report.created) == (3, 3)
    assert refs(sandbox) == list(range(ROWS))


async def test_a_finished_run_resumed_sends_nothing(sandbox: Sandbox, source: Path, tmp_path: Path) -> None:
    client = await connect(sandbox)
    settings = options(tmp_path)
    first = await import_records(client, "res.partner", source, **settings)
    calls = sandbox.calls
    again = await import_records(client, "res.partner", source, **settings, resume=True)
    await client.close()
    assert again.requests == 0
    assert sandbox.calls - calls == 2, "the model's fields and defaults"
    assert (again.read, again.created, again.rejected) == (first.read, first.created, first.rejected)


async def test_a_changed_file_is_refused_unless_told_otherwise(sandbox: Sandbox, source: Path, tmp_path: Path) -> None:
    slow(sandbox)
    client = await connect(sandbox)
    settings = options(tmp_path)
    await stopped(client, source, settings)
    write(source, ROWS + 20)
    with pytest.raises(ConfigurationError, match="is not the file that this run began with"):
        await import_records(client, "res.partner", source, **settings, resume=True)
    report = await import_records(client, "res.partner", source, **settings, resume=True, allow_changed_source=True)
    await client.close()
    assert report.read == ROWS + 20
    assert refs(sandbox) == [row for row in range(ROWS + 20) if row % 100 != 50]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "upsert", "mapping": {"ref": "id"}}, "mode was 'create' and is 'upsert'"),
        ({"mapping": {"website": ""}}, "mapping was"),
        ({"idempotent": True}, "idempotent was False and is True"),
    ],
)
async def test_another_run_is_refused(
    sandbox: Sandbox, source: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    client = await connect(sandbox)
    settings = options(tmp_path)
    await import_records(client, "res.partner", source, **settings)
    with pytest.raises(ConfigurationError, match=message):
        await import_records(client, "res.partner", source, **{**settings, **changes}, resume=True)
    await client.close()
    journal, _ = Journal.resume(tmp_path / "j")
    journal.abandon()


async def test_records_of_a_program_resume_too(sandbox: Sandbox, tmp_path: Path) -> None:
    slow(sandbox)
    client = await connect(sandbox)
    records = [{"name": f"p {row}", "ref": f"p-{row}"} for row in range(ROWS)]
    settings = options(tmp_path)
    await stopped(client, records, settings)
    with pytest.raises(ConfigurationError, match="is not the file"):
        await import_records(client, "res.partner", records[:-1], **settings, resume=True)
    report = await import_records(client, "res.partner", records, **settings, resume=True)
    await client.close()
    assert report.created == ROWS
    assert refs(sandbox) == list(range(ROWS))


def write_lines(path: Path) -> None:
    """The same records as JSON lines; one line is no JSON."""
    with path.open("w") as file:
        for row in range(ROWS):
            record = {"name": f"p {row}", "ref": f"p-{row}", "color": row % 11, "is_company": row % 2 == 0}
            file.write("{broken\n" if row % 100 == 50 else json.dumps(record) + "\n")


@pytest.mark.parametrize("name", ["partners.jsonl", "partners.txt"])
async def test_json_lines_are_read_again_as_they_were_read(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    write_lines(source)
    said = {"format": "ndjson"} if name.endswith("txt") else {}
    slow(sandbox)
    client = await connect(sandbox)
    settings = options(tmp_path, **said)
    first = await stopped(client, source, settings)
    if said:
        with pytest.raises(ConfigurationError, match="format was 'ndjson' and is None"):
            await import_records(client, "res.partner", source, **options(tmp_path), resume=True)
    report = await import_records(client, "res.partner", source, **settings, resume=True)
    await client.close()
    assert (report.read, report.created, report.rejected, report.run_id) == (ROWS, ROWS - 3, 3, first.run_id)
    assert refs(sandbox) == [row for row in range(ROWS) if row % 100 != 50]
    rejects = [json.loads(line) for line in (tmp_path / "bad.csv").read_text().splitlines()]
    assert [(one["_row"], one["_record"]) for one in rejects] == [(row, "{broken") for row in (50, 150, 250)]


@pytest.mark.parametrize("name", ["partners.jsonl", "partners.txt"])
async def test_json_lines_in_doubt_are_reconciled(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    write_lines(source)
    said = {"format": "ndjson"} if name.endswith("txt") else {}
    settings = options(tmp_path, concurrency=1, **said)
    report = await lost(sandbox, source, settings, ProxyFault("pass"), ProxyFault("lose-answer"))
    assert report.unknown == 20
    found = await reconciled(sandbox, tmp_path / "j")
    assert (found.doubted, found.found, found.absent, len(found.unknown)) == (20, 20, 0, 0)
    assert {"name", "ref", "color", "is_company"} <= set(found.compared)


async def test_a_stopped_run_gives_back_what_was_not_sent(sandbox: Sandbox, source: Path, tmp_path: Path) -> None:
    """The key is withdrawn in the middle: with a journal no row is rejected for that."""
    sandbox.faults.plan.append(
        Fault("error", calls=(4,), method="create", name="odoo.exceptions.AccessDenied", message="Access Denied")
    )
    client = await connect(sandbox)
    settings = options(tmp_path, concurrency=1)
    first = await import_records(client, "res.partner", source, **settings)
    assert "Access Denied" in first.stopped
    assert first.created == 60
    assert first.adds_up
    report = await import_records(client, "res.partner", source, **settings, resume=True)
    await client.close()
    assert (report.created, report.rejected) == (ROWS - 3, 3)
    assert refs(sandbox) == [row for row in range(ROWS) if row % 100 != 50]


async def lost(sandbox: Sandbox, source: Path, settings: dict[str, object], *sequence: ProxyFault) -> ImportReport:
    """An import whose first create calls meet these faults."""
    async with FaultProxy(sandbox.url) as proxy:
        client = await connect(sandbox, proxy.url)
        questions = [ProxyFault("pass")] * 3
        proxy._sequence[:] = [*questions, *sequence]
        policy = SendPolicy(breaker=Breaker(base=0.01, cap=0.05), outage_seconds=10)
        report = await import_records(client, "res.partner", source, **settings, policy=policy)
        # The journal is of the proxy's address; whoever reconciles goes by the server's own, as the test tells it.
        await client.close()
    return report


async def reconciled(sandbox: Sandbox, journal: Path, limit: float = 0.0) -> object:
    relocate(journal, sandbox.url)
    client = await connect(sandbox)
    try:
        return await reconcile_journal(client, journal, server_limit=limit)
    finally:
        await client.close()


def relocate(journal: Path, url: str) -> None:
    import sqlite3

    with sqlite3.connect(journal) as connection:
        facts = json.loads(connection.execute("SELECT value FROM facts WHERE name = 'run'").fetchone()[0])
        connection.execute("UPDATE facts SET value = ? WHERE name = 'run'", (json.dumps({**facts, "url": url}),))
    connection.close()


async def test_answers_lost_after_the_commit_are_reconciled(sandbox: Sandbox, source: Path, tmp_path: Path) -> None:
    settings = options(tmp_path, concurrency=1)
    lost_once = ProxyFault("lose-answer")
    cut = ProxyFault("reset-middle")
    report = await lost(sandbox, source, settings, ProxyFault("pass"), lost_once, ProxyFault("pass"), cut, lost_once)
    assert report.unknown == 60, "three calls"
    assert len(refs(sandbox)) == ROWS - 3 - 20
    assert report.adds_up
    found = await reconciled(sandbox, tmp_path / "j")
    assert (found.doubted, found.found, found.absent, len(found.unknown)) == (60, 40, 20, 0)
    assert "ref" in found.compared
    client = await connect(sandbox)
    again = await import_records(client, "res.partner", source, **settings, resume=True)
    await client.close()
    assert (again.created, again.rejected, again.unknown) == (ROWS - 3, 3, 0)
    assert refs(sandbox) == [row for row in range(ROWS) if row % 100 != 50]
    for row, record_id in again.ids:
        assert sandbox.store.get("res.partner", [record_id])[record_id]["ref"] == f"p-{row}"


async def test_a_record_that_no_row_explains_keeps_rows_unknown(sandbox: Sandbox, source: Path, tmp_path: Path) -> None:
    settings = options(tmp_path, concurrency=1)
    await lost(sandbox, source, settings, ProxyFault("pass"), ProxyFault("reset-middle"))
    sandbox.store.create("res.partner", {"name": "by hand"})
    found = await reconciled(sandbox, tmp_path / "j")
    assert (found.found, found.absent, len(found.unknown)) == (0, 0, 20)


async def test_a_server_that_may_still_be_working_is_not_asked(sandbox: Sandbox, source: Path, tmp_path: Path) -> None:
    await lost(sandbox, source, options(tmp_path), ProxyFault("lose-answer"))
    with pytest.raises(ConfigurationError, match=r"may still be running the calls in doubt: try again in \d+ s"):
        await reconciled(sandbox, tmp_path / "j", limit=120.0)


async def test_rows_with_external_ids_are_looked_up(sandbox: Sandbox, source: Path, tmp_path: Path) -> None:
    """The client gives up on an idempotent import in doubt: the rows are unknown, and found by their ids."""
    settings = options(tmp_path, concurrency=1, idempotent=True)
    async with FaultProxy(sandbox.url) as proxy:
        client = await connect(sandbox, proxy.url)
        proxy._sequence[:] = [ProxyFault("pass")] * 3 + [ProxyFault("lose-answer")]
        report = await import_records(client, "res.partner", source, **settings, policy=SendPolicy(retries=0))
        await client.close()
    assert report.unknown == 20
    found = await reconciled(sandbox, tmp_path / "j")
    assert (found.doubted, found.found, found.absent, found.compared) == (20, 20, 0, ())


async def test_rows_that_are_in_are_not_made_into_chunks_again(tmp_path: Path) -> None:
    """How soon that begins to send is measured by benchmarks/journal.py."""
    source = tmp_path / "large.csv"
    write(source, 20_000)
    async with Sandbox(discard=True) as sandbox:
        client = await connect(sandbox)
        settings = options(tmp_path, chunk_size=500)
        await import_records(client, "res.partner", source, **settings)
        report = await import_records(client, "res.partner", source, **settings, resume=True)
        await client.close()
    assert report.resumed == report.read == 20_000
    assert report.requests == 0
