"""Records that name their own fields, as a program hands them in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from scripted_server import FIELDS, ScriptedServer, run

from zenoo_fast._core import Layout, Schema

SCHEMA = Schema("res.partner", {**FIELDS, "parent_id": {"type": "many2one"}, "tag_ids": {"type": "many2many"}})


class Index:
    """A whole number of another library."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


def rows(layout: Layout, *records: Any) -> tuple[list[Any], list[tuple[Any, ...]]]:
    block = layout.extract(list(records))
    return block.chunk.values(), [one[:4] for one in block.rejects]


async def test_rows_without_the_id_that_names_their_record_are_rejects() -> None:
    server = ScriptedServer()
    records = [{"id": "x.a", "name": "A"}, {"name": "B"}, {"name": "C", "id": "x.c"}, {"id": "x.d", ".id": 5}]
    report = await run(server, records, mode="upsert")
    assert (report.created, server.external) == (2, {"x.a": 1, "x.c": 2})
    assert [(one.row, one.field, one.code) for one in report.rejects] == [
        (1, "id", "missing_id"),
        (3, ".id", "unknown_field"),
    ]


async def test_a_new_record_has_no_id() -> None:
    server = ScriptedServer()
    records = [{"name": "new"}, {"name": "E", "id": "x.e"}, {"name": "F", ".id": 3}, {"name": "G", "ref": "bad"}]
    report = await run(server, records)
    assert [(one.row, one.field, one.code) for one in report.rejects] == [
        (1, "id", "unknown_field"),
        (2, ".id", "unknown_field"),
        (3, None, "server"),
    ]
    assert report.created == 1


def test_either_every_record_of_a_block_has_an_id_or_none_has() -> None:
    found, rejects = rows(Layout(SCHEMA), {"name": "a"}, {"name": "b", ".id": 5}, {"name": "c"})
    assert found == [{"name": "a"}, {"name": "c"}]
    assert [(row, code) for row, _, code, _ in rejects] == [(1, "missing_id")]
    layout = Layout(SCHEMA, renames={"other": ".id"})
    found, rejects = rows(layout, {"name": "a", ".id": 5}, {"name": "b", ".id": 5, "other": 6}, {"name": "c"})
    assert found == [{"name": "a"}]
    assert [row for row, *_ in rejects] == [1, 2]


def test_records_to_delete_are_named_by_either_id() -> None:
    database = Layout(SCHEMA, shape="ids", identity="database", renames={"key": ".id"})
    found, rejects = rows(database, {".id": 5}, 7, {"key": 9, "name": "x"}, {"id": "a.b"}, True, Index(11))
    assert found == [5, 7, 9, 11]
    assert [row for row, *_ in rejects] == [3, 4]
    external = Layout(SCHEMA, shape="ids", identity="external")
    block = external.extract([{"id": "a.b"}, {".id": 5}, 6])
    assert block.chunk.external_ids() == ["a.b"]
    assert [one[2] for one in block.rejects] == ["missing_id", "missing_id"]


async def test_made_ids_go_by_the_column_that_is_renamed() -> None:
    records = [{"Name": "a", "Ref": 1}, {"Name": "b", "Ref": 2}, {"Name": "a, again", "Ref": "1"}]
    server = ScriptedServer()
    mapping = {"Name": "name", "Ref": "ref"}
    report = await run(server, records, mapping=mapping, idempotent=True, key=["Ref"], concurrency=1)
    assert (report.read, report.rejected, len(server.external)) == (3, 0, 2)


async def test_keys_are_left_out_and_so_are_the_reasons_of_an_earlier_reject() -> None:
    records = [{"name": "a", "junk": [1], "_row": 3, "_field": "ref", "_code": "server", "_message": "bad"}]
    server = ScriptedServer()
    assert (await run(server, records, mapping={"junk": ""})).created == 1
    assert list(server.records.values()) == [{"name": "a"}]


def test_related_records_are_named_by_keys_where_they_are_matched() -> None:
    layout = Layout(SCHEMA, shape="load", required=False, matched={"parent_id", "tag_ids"})
    record = {"name": "a", "parent_id": "K", "tag_ids": ["x", 2]}
    others = [{**record, "parent_id": Index(7), "tag_ids": "x,y"}, {**record, "parent_id": [1]}]
    block = layout.extract([record, *others, {**record, "tag_ids": [None]}, {**record, "parent_id": None}])
    assert block.chunk.fields == ["name", "parent_id", "tag_ids"]
    assert block.chunk.values() == [["a", "K", "x,2"], ["a", "7", "x,y"], ["a", "", "x,2"]]
    assert [one[1:3] for one in block.rejects] == [("parent_id", "invalid_reference"), ("tag_ids", "invalid_reference")]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("red", '"red" (str)'),
        (2.5, "2.5 (float)"),
        (float("inf"), "inf (float)"),
        ([1, None, {"a": True}], '[1, None, {"a": True}] (list)'),
        ((1, "x" * 100), '[1, "' + "x" * 58 + "… (tuple)"),
        (Decimal("2.5"), "Decimal('2.5') (Decimal)"),
        (True, "True"),
    ],
)
def test_a_value_of_the_wrong_type_is_shown(value: Any, shown: str) -> None:
    _, rejects = rows(Layout(SCHEMA), {"name": "a", "color": value})
    assert rejects == [(0, "color", "invalid_integer", f"{shown} is not a whole number")]


def test_whole_numbers_of_other_libraries_are_whole_numbers() -> None:
    found, rejects = rows(Layout(SCHEMA), {"name": "a", "color": Index(5), "parent_id": Index(7)})
    assert found == [{"name": "a", "color": 5, "parent_id": 7}]
    assert rejects == []
    (found,), _ = rows(Layout(), {"a": [Index(5)]})
    assert found == {"a": [5]}


def test_a_list_that_holds_itself_is_a_reject_and_not_the_end() -> None:
    endless: list[Any] = []
    endless += [endless]
    _, rejects = rows(Layout(SCHEMA), {"name": endless})
    assert rejects[0][2] == "invalid_text"
    _, rejects = rows(Layout(), {"a": endless})
    assert rejects[0][2] == "too_deep"
