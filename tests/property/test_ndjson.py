"""NDJSON and the same records as mappings: the same rows and rejects. Whatever bytes come, every line ends once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from zenoo_fast._core import Block, Layout, NdjsonSource, Schema

pytestmark = pytest.mark.timeout(300)


def field(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "required": False, "readonly": False, **more}


FIELDS = {
    "name": field("char", required=True),
    "code": field("char", size=4),
    "text": field("text"),
    "n": field("integer"),
    "x": field("float"),
    "flag": field("boolean"),
    "day": field("date"),
    "at": field("datetime"),
    "kind": field("selection", selection=[["a", "A"], ["b", "B"], ["1", "One"]]),
    "parent_id": field("many2one", relation="m"),
    "any_id": field("many2one_reference"),
    "some": field("reference"),
    "tag_ids": field("many2many", relation="t"),
    "data": field("json"),
    "image": field("binary"),
    "computed": field("char", readonly=True),
}
SCHEMA = Schema("m", FIELDS)

LAYOUTS = {
    "vals": Layout(SCHEMA),
    "vals, nothing required": Layout(SCHEMA, required=False, renames={"Name": "name", "_row": "", "ref": "id"}),
    "vals without a schema": Layout(renames={"id": ".id", "_row": ""}, required=False),
    "vals of new records": Layout(SCHEMA, required=False, identity="new"),
    "vals by database id": Layout(SCHEMA, required=False, identity="database", renames={"id": ".id"}),
    "load": Layout(SCHEMA, shape="load", required=False, defaults={"n": 5, "text": "none"}),
    "load by external id": Layout(SCHEMA, shape="load", required=False, identity="external", renames={"ref": ""}),
    "load with made ids": Layout(SCHEMA, shape="load", external_id=("key", "p.", ["name"]), renames={"Name": "name"}),
    "load by keys": Layout(SCHEMA, shape="load", required=False, matched={"parent_id", "tag_ids"}),
    "ids": Layout(SCHEMA, shape="ids", required=False),
    "ids by external id": Layout(SCHEMA, shape="ids", required=False, identity="external", renames={"ref": "id"}),
}

KNOWN_TEXTS = [
    *["a", "b", "A", "1", "", "2024-02-29", "2023-02-29", "2024-02-29 10:00:00", "2024-02-29T10:00:00+02:00"],
    *["m,1", "5", "1,2", "x.y", "aGk=", "2024-02-29 10:00+01", "\ud800", "\udc00\ud800"],
]
letters = st.characters(codec="utf-8") | st.sampled_from('"\\/\n\t\0 é漢🦀')
texts = st.text(letters, max_size=40) | st.sampled_from(KNOWN_TEXTS)
integers = st.integers(-10, 300) | st.integers(-(2**33), 2**33) | st.integers() | st.integers(10**18, 10**320)
floats = (
    st.floats(allow_nan=False)
    | st.decimals(-10000, 10000, places=2).map(float)
    | st.integers(-(10**17), 10**17).map(float)
)
scalars = st.none() | st.booleans() | integers | floats | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
commands = st.lists(st.tuples(st.integers(-1, 7), st.integers(0, 2), st.lists(integers, max_size=3)), max_size=3)
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "name": texts,
    "n": integers,
    "x": floats | integers,
    "flag": st.booleans() | st.none() | st.integers(0, 2),
    "parent_id": st.integers(-1, 10) | texts,
    "tag_ids": commands | st.lists(st.integers(0, 5) | texts, max_size=3),
    "data": values,
    "id": st.sampled_from(["a.b", "c", "a b"]) | st.integers(0, 9),
    ".id": st.integers(0, 9),
    "_row": values,
}
OTHER_KEYS = ["Name", "_row", "id", ".id", "ref", "parent_id/id", "tag_ids/.id", "tag_ids/id"]
keys = st.sampled_from([*FIELDS, *OTHER_KEYS]) | texts


@st.composite
def members(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(keys, max_size=8, unique=True))
    return {name: draw(FITTING.get(name, values) | values) for name in names}


# Most records of a file have the keys of the one before it.
mappings = st.lists(members() | values, max_size=12) | members().flatmap(
    lambda first: st.lists(
        st.fixed_dictionaries({name: FITTING.get(name, values) | values for name in first}), max_size=8
    ).map(lambda rest: [first, *rest])
)


def spelled(record: Any, style: int) -> str:
    """JSON as different programs write it."""
    separators = [(",", ":"), (", ", ": "), (" , ", "\t:  ")][style % 3]
    line = json.dumps(record, ensure_ascii=style % 2 == 0, separators=separators)
    # What stands as itself in JSON but not in UTF-8, and what JSON does not know.
    line = "".join(f"\\u{ord(one):04x}" if "\ud800" <= one <= "\udfff" else one for one in line)
    for name, number in (("-Infinity", "-1e999"), ("Infinity", "1e999")):
        line = line.replace(name, number)
    return f"  {line}\t" if style % 5 == 0 else line


def told(block: Block) -> list[tuple[Any, ...]]:
    return [(row, name, code, message, repr(record)) for row, name, code, message, record in block.rejects]


def same(ours: Block, theirs: Block) -> None:
    assert (ours.first_row, ours.read) == (theirs.first_row, theirs.read)
    assert told(ours) == told(theirs)
    one, other = ours.chunk, theirs.chunk
    assert one.json() == other.json()
    assert (one.rows(), one.ids(), one.external_ids()) == (other.rows(), other.ids(), other.external_ids())
    assert (one.fields or []) == (other.fields or [])
    for index in range(len(one)):
        assert repr(one.record(index)) == repr(other.record(index))


def compare(file: Path, content: bytes, records: list[Any], layout: Layout, max_rows: int) -> None:
    file.write_bytes(content)
    source = NdjsonSource(str(file))
    at = 0
    while at < len(records):
        block = source.read(layout, max_rows=max_rows, max_bytes=1 << 20)
        assert block is not None
        same(block, layout.extract(records, at, max_rows=max_rows, max_bytes=1 << 20))
        at += block.read
    assert source.read(layout, max_rows=max_rows, max_bytes=1 << 20) is None
    assert NdjsonSource(str(file)).count() == len(records)


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(mappings, st.lists(st.integers(0, 29), min_size=12, max_size=12), st.sampled_from([1, 3, 100]))
@example([{"name": "a", "n": 1}, {"n": 2, "name": "b"}, {"name": "a", "x": 1e16}, {"data": {"a": -0.0}}], [0] * 12, 100)
def test_lines_become_what_the_same_mappings_become(
    tmp_path: Path, records: list[Any], styles: list[int], max_rows: int
) -> None:
    lines = [spelled(one, style) for one, style in zip(records, styles, strict=False)]
    records = [json.loads(line) for line in lines]
    for layout in LAYOUTS.values():
        compare(tmp_path / "rows.ndjson", "\n".join(lines).encode(), records, layout, max_rows)


def reading(line: str) -> str:
    """How a line reads in JSON alone: ``json``; ``twice``, an object has a key twice; ``no json``; ``deep``."""
    twice = False

    def refuse(text: str) -> NoReturn:
        raise ValueError(text)

    def once(pairs: list[tuple[str, Any]]) -> None:
        nonlocal twice
        twice = twice or len(dict(pairs)) != len(pairs)

    try:
        json.loads(line, parse_constant=refuse, object_pairs_hook=once)
    except ValueError:
        return "no json"
    except RecursionError:
        return "deep"
    return "twice" if twice else "json"


def damaged(lines: list[str], edits: list[tuple[int, int, bytes]]) -> bytes:
    content = bytearray("\n".join(lines).encode())
    for kind, place, piece in edits:
        at = place % (len(content) + 1)
        content[at : at + (0 if kind else len(piece))] = piece
    return bytes(content)


pieces = st.sampled_from([b'"', b"\\", b"{", b"}", b"[", b":", b",", b"\n", b"\r\n", b"\0", b"1", b".", b"e", b"null"])
edits = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2000), pieces | st.binary(max_size=3)), max_size=4)
contents = st.builds(damaged, mappings.map(lambda all_: [spelled(one, 1) for one in all_]), edits) | st.binary()


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(contents, st.sampled_from([*LAYOUTS]), st.sampled_from([1, 100]))
@example(b"{" * 100_000, "vals", 1)
@example(b'{"data":' * 200 + b"1" + b"}" * 200, "vals", 1)
@example(b'{"_row":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "vals, nothing required", 1)
def test_whatever_bytes_come_every_line_ends_once(tmp_path: Path, content: bytes, name: str, max_rows: int) -> None:
    if content.startswith((b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        return  # another encoding, a compressed file
    file = tmp_path / "rows.ndjson"
    file.write_bytes(content)
    source, layout = NdjsonSource(str(file)), LAYOUTS[name]
    blocks: list[Block] = []

    def read() -> None:
        while block := source.read(layout, max_rows=max_rows, max_bytes=1 << 20):
            blocks.append(block)

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        with pytest.raises(ValueError, match=r"is not UTF-8|is it UTF-16"):
            read()
        return
    lines = [line for line in text.split("\n") if line.strip(" \t\r")]
    if lines and "\0" in lines[0]:
        with pytest.raises(ValueError, match=r"is it UTF-16\?"):
            read()
        return
    read()
    rejects = {row: code for block in blocks for row, _, code, _, _ in told(block)}
    good = {row for block in blocks for row in block.chunk.rows()}
    assert len(good) + len(rejects) == len(lines) == sum(block.read for block in blocks)
    assert good | set(rejects) == set(range(len(lines)))
    for row, line in enumerate(lines):
        found = reading(line)
        if found == "no json":
            assert rejects[row] == "not_json"
        elif found == "json":
            assert rejects.get(row) not in {"not_json", "duplicate_key"}
        else:
            assert rejects.get(row) != "not_json"
