"""Bad rows that the server's message tells of are found in few calls; wrong hints cost calls, never rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_server import ScriptedServer, rows, run

from zenoo_fast.engine.blame import suspects
from zenoo_fast.engine.chunks import ValueChunk
from zenoo_fast.engine.outcome import Outcome, ServerError
from zenoo_fast.transports import classify

Values = Mapping[str, Any]
Refuses = Callable[[list[Values]], ServerError | None]


class Telling(ScriptedServer):
    """Refuses a call as Odoo does: with what it says of the first fault it comes to."""

    def __init__(self, refuses: Refuses) -> None:
        super().__init__()
        self.refuses_call = refuses

    def _create(self, values: list[dict[str, Any]]) -> Outcome:
        error = self.refuses_call(values)
        return super()._create(values) if error is None else classify.odoo_error(error)


def absent(values: list[Values]) -> ServerError | None:
    """Every company above 1,000 is missing."""
    number = next((one["parent_id"] for one in values if one.get("parent_id", 0) > 1000), None)
    if number is None:
        return None
    debug = f'DETAIL:  Key (parent_id)=({number}) is not present in table "res_partner".'
    return ServerError("odoo.exceptions.ValidationError", "Another model is using the record", debug=debug)


def missing(values: list[Values]) -> ServerError | None:
    number = next((one["parent_id"] for one in values if one.get("parent_id", 0) > 1000), None)
    text = f"Record does not exist or has been deleted.\n(Record: res.partner({number},), User: 2)"
    return None if number is None else ServerError("odoo.exceptions.MissingError", text)


def nameless(values: list[Values]) -> ServerError | None:
    """The message names a field, as that of a constraint does."""
    debug = 'violates check constraint "res_partner_check_name"'
    bad = any(one["ref"] == "" for one in values)
    return ServerError("odoo.exceptions.ValidationError", "Contacts require a ref", debug=debug) if bad else None


def partners(count: int, bad: Mapping[int, int]) -> list[dict[str, Any]]:
    return [{**one, "color": 7, "parent_id": bad.get(row, 5)} for row, one in enumerate(rows(count))]


@pytest.mark.parametrize(("refuses", "calls"), [(absent, 3), (missing, 2 + 5)])
async def test_rows_with_one_fault_are_found_at_once(refuses: Refuses, calls: int) -> None:
    bad = dict.fromkeys(range(3, 500, 100), 9999)
    server = Telling(refuses)
    report = await run(server, partners(500, bad), chunk_size=500, lane="")
    assert {one.row: one.field for one in report.rejects} == dict.fromkeys(bad, "parent_id")
    assert report.created == 495
    assert len(server.writes) == calls


@pytest.mark.parametrize("refuses", [absent, missing])
async def test_rows_with_faults_of_their_own_are_found_one_after_the_other(refuses: Refuses) -> None:
    bad = {100: 9001, 200: 9002, 300: 9003}
    server = Telling(refuses)
    report = await run(server, partners(500, bad), chunk_size=500, lane="")
    assert {one.row for one in report.rejects} == set(bad)
    assert all(str(bad[one.row]) in one.message for one in report.rejects)
    assert len(server.writes) == 7


async def test_a_number_that_is_another_fields_own_is_heard_before_it_is_judged() -> None:
    """Colour 9999 is a colour, whatever company 9999 is."""
    records = partners(200, {50: 9999, 60: 9999})
    records[10]["color"] = 9999
    server = Telling(missing)
    report = await run(server, records, chunk_size=200, lane="")
    assert ({one.row for one in report.rejects}, report.created) == ({50, 60}, 198)


async def test_a_hint_that_leads_nowhere_is_not_followed_row_by_row() -> None:
    """The message names `ref`, the rows that fail are others: 300 rows have an empty ref."""

    def refuses(values: list[Values]) -> ServerError | None:
        debug = 'violates check constraint "res_partner_check"'
        bad = any(one["name"] == "row 123" for one in values)
        return ServerError("x.ValidationError", "something about the ref", debug=debug) if bad else None

    records = [{**one, "ref": "" if row % 2 else "r", "color": 1} for row, one in enumerate(rows(600))]
    server = Telling(refuses)
    report = await run(server, records, chunk_size=600)
    assert [one.row for one in report.rejects] == [123]
    assert len(server.writes) < 30


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0, 0, 0, 0, 1, 9001, 9001, 9002, 9003, 9004, 9005]), min_size=1, max_size=80),
    st.sampled_from([absent, missing]),
    st.integers(1, 40),
)
async def test_exactly_the_bad_rows_are_rejected(parents: list[int], refuses: Refuses, chunk_size: int) -> None:
    bad = {row: number for row, number in enumerate(parents) if number > 1000}
    report = await run(Telling(refuses), partners(len(parents), bad), chunk_size=chunk_size)
    assert {one.row for one in report.rejects} == set(bad)


async def test_an_empty_field_that_a_constraint_names() -> None:
    """`create` leaves empty fields out; `load` sends them."""
    records = [{**one, "id": f"m.x{row}", "ref": "" if row in {7, 90} else "r"} for row, one in enumerate(rows(100))]
    server = ScriptedServer(refuses=lambda values: "Contacts require a ref" if not values["ref"] else None)
    report = await run(server, records, mode="upsert", chunk_size=100)
    assert {one.row: one.field for one in report.rejects} == {7: "ref", 90: "ref"}
    piece = ValueChunk([{"ref": "", "name": "x"}, {"ref": "r"}, {"name": ""}], [0, 1, 2])
    assert list(suspects(nameless([{"ref": ""}]) or ServerError("", ""), piece, "res.partner")) == [0, 2]


def test_records_that_are_written_are_told_by_their_own_id() -> None:
    piece = ValueChunk([{"x": 1}] * 4, [0, 1, 2, 3], [11, 12, 13, 14])
    text = "Record does not exist or has been deleted.\n(Record: res.partner(12, 14), User: 2)"
    found = suspects(ServerError("odoo.exceptions.MissingError", text), piece, "res.partner")
    assert list(found) == [1, 3]
    assert len(set(found.values())) == 2
    assert suspects(ServerError("odoo.exceptions.MissingError", text), piece, "res.users") == {}
    assert suspects(ServerError("x.UserError", "no"), piece, "res.partner") == {}
