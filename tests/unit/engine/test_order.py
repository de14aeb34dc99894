"""Rows that refer to rows of the same input, and rows that share a related record."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_server import ScriptedServer, holds, run

from zenoo_fast.engine.outcome import Outcome
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.importing import import_records
from zenoo_fast.transports.base import Call

PARENT = "parent_id/id"


class Watched(ScriptedServer):
    """Notes which parents the calls under way write to."""

    def __init__(self, **options: Any) -> None:
        super().__init__(latency=60, **options)
        self.shared: list[set[Any]] = []
        self._under_way: list[set[Any]] = []

    async def call(self, call: Call) -> Outcome:
        if call.method not in {"load", "create"}:
            return await super().call(call)
        rows = call.arguments["data" if call.method == "load" else "vals_list"].values()
        if call.method == "load":
            at = call.arguments["fields"].index("parent_id/.id")
            parents = {row[at] for row in rows} - {""}
        else:
            parents = {row.get("parent_id") for row in rows} - {None}
        self.shared += [parents & others for others in self._under_way if parents & others]
        self._under_way.append(parents)
        try:
            return await super().call(call)
        finally:
            self._under_way.remove(parents)


def contacts(companies: int, count: int, seed: int = 1) -> list[dict[str, str]]:
    """Contacts in no order, and their companies after them."""
    choice = random.Random(seed)
    people = [
        {"id": f"m.p{one}", "name": f"P{one}", PARENT: f"m.c{choice.randrange(companies)}"} for one in range(count)
    ]
    return [*people, *({"id": f"m.c{one}", "name": f"C{one}", PARENT: ""} for one in range(companies))]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def right_links(server: ScriptedServer, rows: list[dict[str, str]]) -> None:
    for row in rows:
        found = server.records[server.external[row["id"]]]
        wanted = str(server.external[row[PARENT]]) if row[PARENT] else ""
        assert (found["name"], found["parent_id/.id"]) == (row["name"], wanted)


@pytest.mark.parametrize("as_file", [True, False])
async def test_rows_that_share_a_parent_are_in_one_call_at_a_time(tmp_path: Path, as_file: bool) -> None:
    rows = contacts(40, 3000)
    server = Watched()
    source = write(tmp_path / "a.csv", rows) if as_file else rows
    report = await run(server, source, mode="upsert", chunk_size=50, concurrency=6)
    assert (report.created, report.rejected) == (3040, 0)
    assert server.shared == []
    assert server.peak > 3, "calls go at the same time"
    assert len(server.writes) <= 3040 / 50 + 2 * 16, "calls are as large as they may be"
    right_links(server, rows)


async def test_calls_would_share_parents_without_lanes() -> None:
    server = Watched()
    await run(server, contacts(40, 3000), mode="upsert", chunk_size=50, concurrency=6, lane="")
    assert server.shared != []


async def test_created_contacts_of_records_that_are_there_are_kept_apart_too() -> None:
    server = Watched()
    choice = random.Random(2)
    rows = [{"name": f"P{one}", "parent_id": choice.randrange(1, 30)} for one in range(2000)]
    report = await run(server, rows, chunk_size=40, concurrency=5)
    assert (report.created, server.shared) == (2000, [])
    assert server.peak > 3


async def test_a_lane_that_is_no_column_is_told(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [{"name": "A"}])
    with pytest.raises(ConfigurationError, match="lane parent_id: the input has no such column"):
        await run(ScriptedServer(), file, lane="parent_id")


async def test_iterables_are_kept_apart_though_their_records_come_in_pieces() -> None:
    rows = [
        {"name": f"P{one}", "parent_id": 1 + one % 7, "ref": "bad" if one % 1000 == 9 else "x"} for one in range(9000)
    ]
    server = Watched()
    report = await run(server, iter(rows), chunk_size=300, concurrency=3)
    assert (report.created, report.rejected, server.shared) == (8991, 9, [])
    assert {(one.row, one.record["name"]) for one in report.rejects} == {
        (row, f"P{row}") for row in range(9, 9000, 1000)
    }


async def test_a_run_that_is_stopped_gives_back_what_waits_in_its_lanes(tmp_path: Path) -> None:
    rows = contacts(4, 2000)
    journal = tmp_path / "j"
    server = ScriptedServer(refuses=lambda values: "no" if values["name"] == "P700" else None)
    file = write(tmp_path / "a.csv", rows)
    options: dict[str, Any] = {"mode": "upsert", "journal": journal, "chunk_size": 50}
    report = await run(server, file, on_reject="stop", **options)
    assert report.stopped
    assert report.read < 2004
    server.refuses = lambda _values: None
    again = await run(server, file, resume=True, **options)
    assert again.read == 2004
    assert (again.created + again.updated, again.rejected) == (2003, 1)
    assert len(server.external) == 2003


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-1, 30), min_size=1, max_size=30), st.integers(1, 9), st.booleans())
async def test_every_forest_goes_in_whatever_its_order(parents: list[int], chunk_size: int, lanes: bool) -> None:
    """Row n's parent is row ``parents[n]`` where that is a row that is no descendant of n; circles are rejected."""
    count = len(parents)
    rows = [
        {"id": f"m.r{row}", "name": f"R{row}", PARENT: f"m.r{parent}" if 0 <= parent < count else ""}
        for row, parent in enumerate(parents)
    ]

    def good(row: int) -> bool:
        seen = set()
        while 0 <= parents[row] < count:
            if row in seen:
                return False
            seen.add(row)
            row = parents[row]
        return True

    server = ScriptedServer()
    report = await run(server, rows, mode="upsert", chunk_size=chunk_size, lane=None if lanes else "")
    wanted = [row for row in range(count) if good(row)]
    assert (report.read, report.created) == (count, len(wanted))
    assert sorted(one.row for one in report.rejects) == [row for row in range(count) if not good(row)]
    assert {one.code for one in report.rejects} <= {"missing_reference"}
    right_links(server, [rows[row] for row in wanted])


async def test_levels_hold_with_a_limit_and_bad_rows(tmp_path: Path) -> None:
    rows = [
        {"id": "m.b", "name": "B", PARENT: "m.a"},
        {"id": "m.a", "name": "", PARENT: ""},
        {"id": "m.d", "name": "D", PARENT: "m.c"},
        {"id": "m.c", "name": "C", PARENT: ""},
        {"id": "m.e", "name": "E", PARENT: "m.c"},
    ]
    server = ScriptedServer()
    report = await run(server, write(tmp_path / "a.csv", rows), mode="upsert", limit=4)
    assert (report.read, report.created) == (4, 2)
    found = {one.row: (one.field, one.code) for one in report.rejects}
    assert found == {1: ("name", "required"), 0: ("parent_id", "missing_reference")}
    holds(report)


async def test_nothing_is_reordered_where_the_input_can_be_read_once_only() -> None:
    """Then a parent has to come before its contacts, as without levels (lanes may happen to bring it forward)."""
    rows = [{"id": "m.c", "name": "C", PARENT: ""}, {"id": "m.p", "name": "P", PARENT: "m.c"}]
    server = ScriptedServer()
    report = await import_client(server, iter(rows))
    assert (report.created, report.rejected) == (2, 0)
    server = ScriptedServer()
    report = await import_client(server, iter(rows[::-1]))
    assert (report.created, report.rejected) == (1, 1)


async def import_client(server: ScriptedServer, source: Any) -> Any:
    from scripted_server import ScriptedClient

    return await import_records(
        ScriptedClient(server), "res.partner", source, mode="upsert", chunk_size=1, concurrency=1, lane=""
    )
