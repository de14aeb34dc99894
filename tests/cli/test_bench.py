"""``zenoo-fast bench`` on a sandbox: it measures, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import opened, save

from zenoo_fast.sandbox import Fault

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox

QUICK = ("--seconds", "0.1", "--records", "600")


@pytest.fixture
def nothing_left(sandbox: Sandbox) -> Any:
    """The server has the records that it began with, and no others."""
    before = sandbox.store.search("res.partner", [], archived=True)
    yield
    assert sandbox.store.search("res.partner", [], archived=True) == before


@pytest.mark.usefixtures("nothing_left")
async def test_without_a_yes_nothing_is_done(zenoo_fast: Any, sandbox: Sandbox) -> None:
    ended = await zenoo_fast("bench", server=sandbox)
    ended.fails(2, "res.partner", "sandbox", sandbox.url, "--yes")
    assert sandbox.calls == 0


@pytest.mark.usefixtures("nothing_left")
async def test_it_measures_and_deletes_what_it_made(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    # A server for which every call costs: larger chunks must win, and more calls at once.
    sandbox.faults.plan = [Fault("delay", method="create", seconds=0.03)]
    ended = await zenoo_fast("bench", "--yes", *QUICK, "--json", server=sandbox)
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    alone = {cell["chunk_size"]: cell["rate"] for cell in found["cells"] if cell["concurrency"] == 1}
    assert alone[200] > alone[20]
    assert found["best"]["chunk_size"] >= 100
    assert found["fields"] == ["name"]
    assert found["deleted"] == 20 + sum(cell["records"] for cell in found["cells"])
    assert all(cell["call_seconds"] >= 0.03 for cell in found["cells"])
    assert f"{found['deleted']:,} scratch records were made and deleted" in ended.err
    async with opened((tmp_path / "zenoo-fast-bench.html").as_uri()) as page:
        columns = await page.evaluate(
            "[...document.querySelectorAll('svg')].map(svg => [...svg.querySelectorAll('rect')]"
            ".map(bar => bar.getBoundingClientRect().height))"
        )
        save(await page.screenshot(), "bench.png")
    assert page.complaints == []
    assert [one for one in page.requests if not one.startswith("data:")] == []
    assert [len(one) for one in columns] == [
        len(alone),
        len([cell for cell in found["cells"] if cell["chunk_size"] == _fixed(found)]),
    ]
    assert all(height > 0 for one in columns for height in one)


def _fixed(found: dict[str, Any]) -> int:
    return next(cell["chunk_size"] for cell in found["cells"] if cell["concurrency"] > 1)


@pytest.mark.usefixtures("nothing_left")
async def test_the_table_says_how_to_import(zenoo_fast: Any, sandbox: Sandbox) -> None:
    ended = await zenoo_fast("bench", "--yes", "--seconds", "0.01", "--records", "100", server=sandbox)
    assert ended.code == 0, ended.err
    assert "records/s" in ended.out
    assert "Best: zenoo-fast import FILE --model res.partner --chunk-size" in ended.out


@pytest.mark.usefixtures("nothing_left")
async def test_interrupted_it_deletes_what_it_made(started: Any, finished: Any, sandbox: Sandbox) -> None:
    sandbox.faults.plan = [Fault("delay", method="create", seconds=0.1)]
    process = await started("bench", "--yes", "--records", "2000", server=sandbox)
    async with asyncio.timeout(30):
        while len(sandbox.store.search("res.partner", [["name", "=like", "zenoo-fast bench%"]])) < 40:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    ended = await finished(process)
    assert ended.code == 130, ended.err
    assert ended.err.splitlines()[-1] == "zenoo-fast: interrupted"


async def test_where_deleting_is_refused_it_ends_before_it_made_many(zenoo_fast: Any, sandbox: Sandbox) -> None:
    refusal = {"name": "odoo.exceptions.UserError", "message": "Partners are for ever"}
    sandbox.faults.plan = [Fault("error", method="unlink", **refusal)]
    ended = await zenoo_fast("bench", "--yes", *QUICK, server=sandbox)
    ended.fails(2, "cannot be deleted", "name like 'zenoo-fast bench", "Partners are for ever")
    assert len(sandbox.store.search("res.partner", [["name", "=like", "zenoo-fast bench%"]])) == 20


async def test_a_model_without_a_text_or_that_is_not_there(zenoo_fast: Any, sandbox: Sandbox) -> None:
    (await zenoo_fast("bench", "--yes", "--model", "res.nope", server=sandbox)).fails(2, "res.nope")
