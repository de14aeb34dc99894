"""Modes that look records up: how many together, what is written then, in which order, and what an update leaves be."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from scripted_server import ScriptedServer, odoo, rows, run

from zenoo_fast.engine.limiter import ChunkSizer
from zenoo_fast.engine.outcome import Outcome
from zenoo_fast.transports.base import Call


class Asked(ScriptedServer):
    """Remembers how many external ids each look-up asks for, and how many records each read."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.looked_up: list[int] = []
        self.read: list[int] = []

    async def call(self, call: Call) -> Outcome:
        if call.method == "search_read":
            self.looked_up.append(len(call.arguments["domain"][2][2]))
        if call.method == "read":
            self.read.append(len(call.arguments["ids"]))
        return await super().call(call)


def named(count: int, **values: Any) -> list[dict[str, Any]]:
    return [{"id": f"x.{row}", **one, **values} for row, one in enumerate(rows(count))]


async def test_many_are_looked_up_together_and_written_a_call_s_worth_at_a_time() -> None:
    server = Asked()
    report = await run(server, named(4000), mode="sync", chunk_size="auto", concurrency=1)
    assert report.created == 4000
    assert server.looked_up == [2000, 2000]
    assert server.writes == [500, 500, 1000, 1000, 1000]
    server.writes.clear()
    report = await run(server, named(4000), mode="sync", chunk_size="auto", concurrency=1)
    assert (report.unchanged, server.writes) == (4000, [])


async def test_a_fixed_chunk_size_is_that_of_the_look_ups_too() -> None:
    server = Asked()
    await run(server, named(300), mode="sync", chunk_size=100)
    assert server.looked_up == [100, 100, 100]
    assert server.writes == [100, 100, 100]


async def test_the_writes_of_one_look_up_go_at_once_where_there_are_places() -> None:
    server = Asked(latency=20)
    report = await run(server, named(2000), mode="upsert", chunk_size="auto", concurrency=4)
    assert (report.created, server.looked_up, server.peak) == (2000, [2000], 4)


async def test_rows_of_one_record_go_in_their_order() -> None:
    """However many calls they take: the last one wins."""
    server = Asked(latency=20)
    records = [*named(1500), {"id": "x.0", "name": "last"}]
    report = await run(server, records, mode="upsert", chunk_size="auto", concurrency=4)
    assert (report.created, report.updated, server.writes) == (1500, 1, [500, 500, 500, 1])
    assert server.records[server.external["x.0"]]["name"] == "last"


async def test_every_call_of_a_look_up_ends_though_one_stops_the_run() -> None:
    def script(number: int, _call: Call) -> Outcome | None:
        return odoo("odoo.exceptions.AccessError", "you may not") if number == 1 else None

    server = Asked(latency=20, script=script)
    server.rights = False
    report = await run(server, named(2000), mode="upsert", chunk_size="auto", concurrency=3)
    assert "you may not" in report.stopped
    assert report.unknown == 0
    assert report.created == len(server.records)


async def test_calls_of_a_look_up_that_are_cut_off_are_unknown() -> None:
    server = Asked(script=lambda number, _call: "hang" if number < 3 else None)
    task = asyncio.create_task(run(server, named(2000), mode="upsert", chunk_size="auto", concurrency=3))
    while server.in_flight < 3:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
    for _ in range(2):  # who stops a run twice does not wait for the calls in flight
        task.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.in_flight == 0


async def test_an_update_leaves_be_what_is_there_already() -> None:
    server = Asked()
    await run(server, named(5), mode="upsert")
    changed = named(5)
    changed[1]["ref"], changed[3]["ref"] = "new 1", "new 3"
    server.writes.clear()
    report = await run(server, changed, mode="update")
    assert (report.updated, report.unchanged, server.writes) == (2, 3, [2])
    assert [server.records[server.external[f"x.{row}"]]["ref"] for row in (1, 3)] == ["new 1", "new 3"]


@pytest.mark.parametrize("kind", ["csv", "mappings", "arrow"])
async def test_an_update_may_empty_every_field_of_a_row(tmp_path: Path, kind: str) -> None:
    server = Asked()
    await run(server, named(2, color=3), mode="upsert")
    source: Any = [{"id": f"x.{row}", "ref": None, "color": None} for row in range(2)]
    if kind == "arrow":
        source = pa.table({"id": ["x.0", "x.1"], "ref": pa.nulls(2, pa.utf8()), "color": pa.nulls(2, pa.int64())})
    elif kind == "csv":
        source = tmp_path / "rows.csv"
        source.write_text("id,ref,color\nx.0,,\nx.1,,\n")
    report = await run(server, source, mode="update")
    assert (report.updated, report.rejected) == (2, 0)
    assert {(one["ref"], one["color"]) for one in server.records.values()} == {(False, False)}


async def test_an_update_of_what_may_not_be_read_writes_every_row() -> None:
    class Hidden(ScriptedServer):
        async def call(self, call: Call) -> Outcome:
            if call.method == "read":
                return odoo("odoo.exceptions.AccessError", "you may not read that")
            return await super().call(call)

    server = Hidden()
    await run(server, named(40), mode="upsert")
    report = await run(server, named(40), mode="update")
    assert (report.updated, report.unchanged) == (40, 0)
    report = await run(server, named(40), mode="sync")
    assert "you may not read that" in report.stopped


def test_look_ups_shrink_where_the_server_takes_long_for_them() -> None:
    sizer = ChunkSizer()
    assert (sizer.look_up, sizer.size) == (2000, 500)
    sizer.asked(2000, 1.0)
    sizer.asked(100, 30.0)
    assert sizer.look_up == 2000
    for _ in range(20):
        sizer.asked(sizer.look_up, 3.0)
    assert (sizer.look_up, sizer.size) == (50, 500)
    fixed = ChunkSizer(700)
    fixed.asked(700, 30.0)
    assert fixed.look_up == 700


async def test_the_last_rows_are_shared_out_among_the_places() -> None:
    """So that the last calls end together; and not where the size of a chunk was asked for."""
    server = Asked(latency=20)
    await run(server, rows(2000), chunk_size="auto", concurrency=4)
    assert max(server.writes) == 500
    assert server.writes == sorted(server.writes, reverse=True)
    assert server.writes[-1] <= 100
    server = Asked()
    await run(server, rows(1200), chunk_size=500, concurrency=4)
    assert server.writes == [500, 500, 200]


@pytest.mark.parametrize("journal", [False, True])
async def test_what_has_not_left_when_a_run_is_stopped_stays(tmp_path: Path, journal: bool) -> None:
    server = ScriptedServer()
    records = named(2000)
    records[100]["ref"] = "bad"
    options: dict[str, Any] = {"journal": tmp_path / "j"} if journal else {}
    report = await run(
        server, records, mode="upsert", chunk_size="auto", concurrency=1, on_reject="stop", run_id="r", **options
    )
    assert report.stopped.startswith("row 100")
    assert report.created == len(server.records) < 600
    if journal:
        assert (report.read, report.rejected) == (report.created + 1, 1)
        again = await run(server, records, mode="upsert", journal=tmp_path / "j", resume=True, chunk_size="auto")
        assert (again.created + again.updated, again.rejected, again.read) == (1999, 1, 2000)
    else:
        assert {one.code for one in report.rejects} == {"server", "not_sent"}
        assert report.read == 2000
