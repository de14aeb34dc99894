"""A table as CSV text, and the same table in Arrow's memory: the same records are made, the same rows are rejected."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import scripted_server
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted_server import ScriptedServer, run

FIELDS = {
    "name": {"type": "char", "required": True},
    "short": {"type": "char", "size": 4},
    "color": {"type": "integer"},
    "weight": {"type": "float"},
    "credit": {"type": "monetary"},
    "active": {"type": "boolean"},
    "birthday": {"type": "date"},
    "seen": {"type": "datetime"},
    "type": {"type": "selection", "selection": [["a", "A"], ["b", "Bee"]]},
    "parent_id": {"type": "many2one", "relation": "res.partner"},
    "category_id": {"type": "many2many", "relation": "res.partner.category"},
}

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=40)
SMALL = st.integers(-(2**31) - 2, 2**31 + 1)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


ROW = st.fixed_dictionaries(
    {
        "name": maybe(TEXT),
        "short": maybe(TEXT),
        "color": maybe(SMALL),
        "weight": maybe(st.floats()),
        "credit": maybe(st.decimals(-1000, 1000, places=2)),
        "active": maybe(st.booleans()),
        "birthday": maybe(st.dates()),
        "seen": maybe(st.datetimes()),
        "type": maybe(st.sampled_from(["a", "b", "A", "Bee", "c"])),
        "parent_id": maybe(SMALL),
        "category_id": maybe(st.lists(st.integers(0, 50), min_size=1, max_size=3)),
    }
)
TYPES: dict[str, list[pa.DataType]] = {
    "name": [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int16(), pa.string())],
    "short": [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.uint64(), pa.large_string())],
    "color": [pa.int64(), pa.decimal128(20, 0), pa.dictionary(pa.int32(), pa.int64())],
    "weight": [pa.float64()],
    "credit": [pa.decimal128(12, 2), pa.decimal64(12, 4)],
    "active": [pa.bool_()],
    "birthday": [pa.date32(), pa.date64()],
    "seen": [pa.timestamp("us"), pa.timestamp("us", "UTC")],
    "type": [pa.string(), pa.dictionary(pa.int8(), pa.string())],
    "parent_id": [pa.int64(), pa.float64(), pa.decimal128(12, 1)],
    "category_id": [pa.list_(pa.int32()), pa.large_list(pa.int64())],
}


def cell(value: Any) -> str:
    """As a spreadsheet would write it."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[dict[str, Any]], pa.Table]:
    """Rows, and the same rows as a table of drawn types, cut into batches."""
    rows = draw(st.lists(ROW, max_size=12))
    schema = pa.schema([(name, draw(st.sampled_from(kinds))) for name, kinds in TYPES.items()])
    columns = []
    for kind in schema:
        values = [row[kind.name] for row in rows]
        if pa.types.is_decimal(kind.type):
            values = [None if value is None else Decimal(value) for value in values]
        plain = kind.type.value_type if pa.types.is_dictionary(kind.type) else kind.type
        array = pa.array(values, plain)
        if kind.type == pa.dictionary(pa.int32(), pa.int64()):  # what pyarrow cannot cast to
            array = array.dictionary_encode()
        columns.append(array.cast(kind.type))
    table = pa.Table.from_arrays(columns, schema=schema)
    size = draw(st.integers(1, 5))
    return rows, pa.Table.from_batches(table.to_batches(max_chunksize=size), schema)


async def outcome(source: Any, **options: Any) -> tuple[list[Any], list[Any]]:
    server = ScriptedServer(refuses=lambda _values: None)
    report = await run(server, source, chunk_size=5, **options)
    created = [(row, valued(server.records[number])) for row, number in report.ids]
    return created, [(one.row, one.field, one.code) for one in report.rejects]


def valued(record: dict[str, Any]) -> dict[str, Any]:
    """`load` takes texts: how many zeros end a number in one is up to who wrote it."""
    numbers = {name: float(record[name]) for name in ("weight", "credit") if record.get(name)}
    return {**record, **numbers}


@pytest.mark.parametrize("options", [{}, {"idempotent": True, "run_id": "r"}], ids=["vals", "load"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(made=tables())
async def test_the_same_table_is_the_same_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: tuple[list[dict[str, Any]], pa.Table], options: Any
) -> None:
    monkeypatch.setattr(scripted_server, "FIELDS", FIELDS)
    rows, table = made
    file = tmp_path / "rows.csv"
    with file.open("w", newline="", encoding="utf-8") as handle:
        out = csv.writer(handle, lineterminator="\n")
        header = ["parent_id/.id" if one == "parent_id" else one for one in TYPES]
        out.writerow(["category_id/.id" if one == "category_id" else one for one in header])
        out.writerows([[cell(row[name]) for name in TYPES] for row in rows])
    assert await outcome(table, **options) == await outcome(file, **options)
