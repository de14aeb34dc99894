"""What validators are shown is what is sent: rows as dicts and as columns, beside the JSON that leaves."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from zenoo_fast._core import Layout, Schema, dicts
from zenoo_fast.plugins.examine import Batch

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
VALUE = st.one_of(
    TEXT,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.lists(st.integers() | TEXT, max_size=3),
    st.dictionaries(TEXT, st.integers(), max_size=2),
)
NAMES = st.sampled_from(["name", "ref", "a", 'quo"te', "ünï", "a_name_that_is_longer_than_sixteen", "x" * 40, ""])
RECORDS = st.lists(st.dictionaries(NAMES, VALUE, max_size=6), min_size=1, max_size=12)
FIELDS = {
    "name": {"type": "char"},
    "note": {"type": "text"},
    "number": {"type": "integer"},
    "price": {"type": "float"},
    "flag": {"type": "boolean"},
}
TYPED = st.lists(
    st.fixed_dictionaries(
        {"name": TEXT.filter(bool)},
        optional={
            "note": TEXT | st.just(value=False),
            "number": st.integers(-(2**31), 2**31 - 1),
            "price": st.floats(-1e15, 1e15),
            "flag": st.booleans(),
        },
    ),
    min_size=1,
    max_size=20,
)
KINDS: Any = {"number": "integer", "price": "float", "flag": "boolean"}


@given(RECORDS)
def test_any_records_as_dicts(records: list[dict[str, Any]]) -> None:
    chunk = Layout().extract(records, max_rows=len(records) + 1).chunk
    sent = json.loads(b"[%b]" % chunk.json())
    shown = chunk.dicts()
    assert shown == sent
    assert [[type(value) for value in one.values()] for one in shown] == [
        [type(value) for value in one.values()] for one in sent
    ]
    assert [list(one) for one in shown] == [list(one) for one in sent]
    assert dicts(chunk.json(), len(chunk), None) == sent


@given(TYPED)
def test_typed_records_as_columns(records: list[dict[str, Any]]) -> None:
    schema = Schema("x", FIELDS)
    chunk = Layout(schema).extract(records, max_rows=len(records) + 1).chunk
    sent = json.loads(b"[%b]" % chunk.json())
    batch = Batch(chunk, len(chunk), None, KINDS).arrow()
    batch.validate(full=True)
    assert batch.num_rows == len(sent)
    for name in batch.schema.names:
        shown = batch.column(name).to_pylist()
        there = [one.get(name) for one in sent]
        assert shown == [None if one is None or (one is False and name != "flag") else one for one in there]
    assert {name for one in sent for name in one} == set(batch.schema.names)


@given(st.lists(st.tuples(TEXT.filter(bool), TEXT), min_size=1, max_size=12))
def test_rows_of_load_as_dicts_and_columns(rows: list[tuple[str, str]]) -> None:
    layout = Layout(Schema("x", FIELDS), shape="load")
    chunk = layout.extract([{"name": name, "note": note} for name, note in rows], max_rows=len(rows) + 1).chunk
    assert chunk.fields == ["name", "note"]
    sent = [dict(zip(chunk.fields, row, strict=True)) for row in json.loads(b"[%b]" % chunk.json())]
    assert chunk.dicts() == sent
    assert dicts(chunk.json(), len(chunk), chunk.fields) == sent
    assert Batch(chunk.json(), len(chunk), chunk.fields, {}).arrow().to_pylist() == sent
