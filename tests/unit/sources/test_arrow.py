"""Tables, streams, Parquet and Arrow files, through an import to a scripted server."""

from __future__ import annotations

import csv
import datetime as dt
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scripted_server
from scripted_server import ScriptedServer, run

from zenoo_fast.engine.crew import Control
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.plugins import Fault, Verdict
from zenoo_fast.sources.open import open_source

FIELDS = scripted_server.FIELDS | {
    "credit": {"type": "monetary", "string": "Credit"},
    "active": {"type": "boolean", "string": "Active"},
    "birthday": {"type": "date", "string": "Birthday"},
    "seen": {"type": "datetime", "string": "Seen"},
    "parent_id": {"type": "many2one", "relation": "res.partner", "string": "Parent"},
    "category_id": {"type": "many2many", "relation": "res.partner.category", "string": "Tags"},
    "image": {"type": "binary", "string": "Image"},
}

TABLE = pa.table(
    {
        "name": ["Ada", "Émile", None],
        "ref": pa.array(["x", None, "y"]).dictionary_encode(),
        "color": pa.array([1, None, 3], pa.int8()),
        "type": ["a", "B", None],
        "credit": pa.array([Decimal("1.50"), None, Decimal(2)], pa.decimal128(10, 2)),
        "active": [True, False, None],
        "birthday": pa.array([dt.date(2024, 2, 29), None, dt.date(2000, 1, 1)]),
        "seen": pa.array([dt.datetime(2024, 2, 29, 1, tzinfo=dt.UTC)] * 3, pa.timestamp("us", "Europe/Brussels")),
        "parent_id": [7, None, 8],
        "category_id": [[1, 2], None, []],
        "image": [b"hi", None, b""],
    }
)
WANTED = [
    {
        "name": "Ada",
        "ref": "x",
        "color": 1,
        "type": "a",
        "credit": 1.5,
        "active": True,
        "birthday": "2024-02-29",
        "seen": "2024-02-29 01:00:00",
        "parent_id": 7,
        "category_id": [[6, 0, [1, 2]]],
        "image": "aGk=",
    },
    {"name": "Émile", "type": "b", "active": False, "seen": "2024-02-29 01:00:00"},
]


@pytest.fixture(autouse=True)
def fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripted_server, "FIELDS", FIELDS)


async def stored(source: Any, **options: Any) -> list[dict[str, Any]]:
    """What a server has of a source none of whose rows is rejected."""
    server = ScriptedServer()
    report = await run(server, source, **options)
    assert not report.rejected, report.rejects
    return [server.records[report.ids[row]] for row in range(report.read)]


def parquet(table: pa.Table, folder: Path, **options: Any) -> Path:
    path = folder / "rows.parquet"
    pq.write_table(table, path, **options)
    return path


def arrow_file(table: pa.Table, folder: Path) -> Path:
    path = folder / "rows.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return path


def arrow_stream_file(table: pa.Table, folder: Path) -> Path:
    path = folder / "rows.feather"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return path


def streamed(table: pa.Table) -> pa.RecordBatchReader:
    """From a generator of Python's, as an own reader would be written."""

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches(max_chunksize=2)

    return pa.RecordBatchReader.from_batches(table.schema, batches())


MAKERS: dict[str, Callable[[pa.Table, Path], Any]] = {
    "table": lambda table, _folder: table,
    "batch": lambda table, _folder: table.combine_chunks().to_batches()[0],
    "reader": lambda table, _folder: streamed(table),
    "polars": lambda table, _folder: pl.from_arrow(table),
    "duckdb": lambda table, _folder: duckdb.connect().from_arrow(table),
    "parquet": parquet,
    "arrow": arrow_file,
    "stream": arrow_stream_file,
}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("chunk_size", [1, 16])
async def test_every_kind_of_arrow_gives_the_same_records(tmp_path: Path, maker: str, chunk_size: int) -> None:
    server = ScriptedServer()
    report = await run(server, MAKERS[maker](TABLE, tmp_path), chunk_size=chunk_size)
    assert [server.records[report.ids[row]] for row in range(2)] == WANTED
    assert [(one.row, one.field, one.code) for one in report.rejects] == [(2, "name", "required")]


async def test_pandas_frames_with_gaps_hold_whole_numbers_as_floats() -> None:
    frame = pd.DataFrame(
        {
            "name": ["Ada", "Bob", "Eve"],
            "color": [1, None, 3],
            "parent_id": [7, None, 9],
            "seen": pd.to_datetime(["2024-01-01 10:00", None, "2024-01-01 10:00"]),
            "type": pd.Categorical(["a", "b", None]),
        }
    )
    assert await stored(frame[frame.name != "Bob"]) == [
        {"name": "Ada", "color": 1, "parent_id": 7, "seen": "2024-01-01 10:00:00", "type": "a"},
        {"name": "Eve", "color": 3, "parent_id": 9, "seen": "2024-01-01 10:00:00"},
    ]
    assert (await stored(frame))[1] == {"name": "Bob", "type": "b"}


async def test_large_files_are_read_in_blocks_and_skips_go_by_their_number(tmp_path: Path) -> None:
    count = 20_000
    table = pa.table({"name": [f"row {one}" for one in range(count)], "color": list(range(count))})
    path = parquet(table, tmp_path, row_group_size=7000)
    records = await stored(path, chunk_size=500)
    assert [one["name"] for one in records] == [f"row {one}" for one in range(count)]
    source = open_source(path)
    assert (source.total, source.columns, source.size) == (count, ["name", "color"], path.stat().st_size)
    assert (await run(ScriptedServer(), path, limit=4100, chunk_size=500)).created == 4100


async def test_a_table_and_a_file_can_be_read_again_and_a_stream_cannot(tmp_path: Path) -> None:
    again = {name: open_source(make(TABLE, tmp_path)).repeatable for name, make in MAKERS.items()}
    assert again == {
        "table": True,
        "batch": True,
        "polars": True,
        "reader": False,
        "duckdb": False,
        "parquet": True,
        "arrow": True,
        "stream": True,
    }


async def test_rows_that_refer_to_rows_of_their_table_go_in_after_them() -> None:
    table = pa.table({"id": ["x.c", "x.b", "x.a"], "name": ["c", "b", "a"], "parent_id/id": ["x.b", "x.a", None]})
    server = ScriptedServer()
    await run(server, table, mode="upsert", concurrency=1)
    ids = server.external
    assert server.records[ids["x.c"]]["parent_id/.id"] == str(ids["x.b"])
    assert server.records[ids["x.b"]]["parent_id/.id"] == str(ids["x.a"])


async def test_an_empty_cell_empties_the_field_in_an_update_and_numbers_may_be_external_ids() -> None:
    server = ScriptedServer()
    first = pa.table({"id": ["x.1", "x.2"], "name": ["a", "b"], "color": [1, 2], "ref": ["r", "s"], "type": ["a", "b"]})
    await run(server, first, mode="upsert")
    second = pa.table({"id": ["x.1", "x.2"], "color": pa.array([None, 5]), "ref": ["t", None], "type": pa.nulls(2)})
    report = await run(server, second, mode="update")
    assert report.updated == 2
    found = [(one["color"], one["ref"], one["type"]) for one in server.records.values()]
    assert found == [(False, "t", False), (5, False, False)]
    numbered = pa.table({"id": [17], "name": ["c"]})
    assert (await run(server, numbered, mode="upsert")).created == 1
    assert "17" in server.external


async def test_numbers_are_keys_where_a_relation_is_matched_by_one(tmp_path: Path) -> None:
    source = open_source(pa.table({"name": ["a"], "parent_id": [5]}))
    assert source.database_ids == {"parent_id"}
    asked: list[Any] = []

    class Known(ScriptedServer):
        def _answer(self, call: Any) -> Any:
            if call.method == "search_read" and call.model == "res.partner":
                asked.append(call.arguments["domain"])
                return [{"id": 42, "ref": "5"}]
            return super()._answer(call)

    server = Known()
    report = await run(server, pa.table({"name": ["a"], "parent_id": [5]}), match={"parent_id": "ref"})
    assert server.records[report.ids[0]] == {"name": "a", "parent_id": 42}
    assert asked == [[["ref", "in", ["5"]]]]


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ({"birthday": pa.array([1.5])}, "'birthday'.*Float64.*birthday"),
        ({"color": pa.array([True])}, "Boolean.*color"),
        ({"ref": pa.array([{"a": 1}])}, "Struct.*ref"),
        ({"seen": pa.array([dt.time(1)])}, "Time64.*seen"),
        ({"category_id": pa.array([["a"]])}, "Utf8.*category_id"),
        ({"nope": pa.array([1])}, "no field nope"),
    ],
)
async def test_a_column_that_goes_nowhere_is_named_before_anything_is_sent(column: Any, says: str) -> None:
    server = ScriptedServer()
    with pytest.raises(ConfigurationError, match=says.replace("'", '"')):
        await run(server, pa.table({"name": ["a"], **column}))
    assert server.writes == []


async def test_a_column_of_any_type_can_be_left_out() -> None:
    table = pa.table({"name": ["a"], "extra": pa.array([{"a": 1}])})
    assert await stored(table, mapping={"extra": ""}) == [{"name": "a"}]


@pytest.mark.parametrize("stream", [pa.chunked_array([[1]]), pl.Series([1])])
async def test_a_stream_of_bare_values_is_refused(stream: Any) -> None:
    with pytest.raises(ConfigurationError, match=type(stream).__name__):
        open_source(stream)


async def test_a_stream_that_cannot_begin_says_why() -> None:
    class Broken:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            raise RuntimeError("the warehouse\nis closed")

    class Nonsense:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return 5

    with pytest.raises(ConfigurationError, match="Broken: the warehouse is closed"):
        open_source(Broken())
    with pytest.raises(ConfigurationError, match=r"Nonsense: .*capsule"):
        open_source(Nonsense())


async def test_a_stream_that_breaks_off_keeps_what_came_before() -> None:
    batch = pa.RecordBatch.from_pydict({"name": [f"row {one}" for one in range(3000)]})

    def batches() -> Iterator[pa.RecordBatch]:
        yield batch
        yield batch
        raise OSError("the disk is gone")

    report = await run(ScriptedServer(), pa.RecordBatchReader.from_batches(batch.schema, batches()), chunk_size=500)
    assert (report.created, report.not_read) == (6000, True)
    assert "row 6000" in report.stopped
    assert "the disk is gone" in report.stopped


async def test_texts_that_are_no_unicode_are_rejected_alone(tmp_path: Path) -> None:
    texts = [b"good", b"b\xffd", b"x", "é".encode()]
    offsets = pa.array([0, 4, 7, 8, 10], pa.int32()).buffers()[1]
    broken = pa.StringArray.from_buffers(4, offsets, pa.py_buffer(b"".join(texts)))
    for source in (pa.table({"name": broken}), parquet(pa.table({"name": broken}), tmp_path)):
        server = ScriptedServer()
        report = await run(server, source)
        assert [one["name"] for one in server.records.values()] == ["good", "x", "é"]
        assert [(one.row, one.field, one.code) for one in report.rejects] == [(1, "name", "invalid_text")]


async def test_a_character_cut_in_two_is_no_text() -> None:
    offsets = pa.array([0, 1, 2], pa.int32()).buffers()[1]
    halves = pa.StringArray.from_buffers(2, offsets, pa.py_buffer("é".encode()))
    report = await run(ScriptedServer(), pa.table({"name": halves}))
    assert [one.code for one in report.rejects] == ["invalid_text", "invalid_text"]


async def test_slices_and_misaligned_memory_are_read_as_they_are() -> None:
    numbers = pa.array(range(100), pa.int64())
    buffer = pa.py_buffer(b"\0" + numbers.buffers()[1].to_pybytes()).slice(1)
    odd = pa.Int64Array.from_buffers(pa.int64(), 100, [None, buffer])
    table = pa.table({"name": [f"n{one}" for one in range(100)], "color": odd, "active": [True, False] * 50})
    records = await stored(table.slice(13, 50))
    assert records[0] == {"name": "n13", "color": 13, "active": False}
    assert len(records) == 50


async def test_a_mended_reject_file_goes_in_as_it_is(tmp_path: Path) -> None:
    table = pa.table(
        {
            "name": ["good", "bad", None, "nan"],
            "ref": ["r", "bad", "s", "t"],
            "color": pa.array([1.0, 2.0, 3.0, None]),
            "parent_id": pa.array([7, 8, 9, 7]),
            "credit": pa.array([1.5, 2.0, 3.25, float("nan")]),
            "birthday": pa.array([dt.date(2024, 1, 1)] * 4),
            "seen": pa.array([dt.datetime(2024, 1, 1, 10, 30, tzinfo=dt.UTC)] * 4, pa.timestamp("ms")),
            "active": [True, False, True, None],
            "category_id": [[1, 2]] * 4,
            "image": [b"hi"] * 4,
        }
    )
    bad = tmp_path / "bad.csv"
    server = ScriptedServer()
    report = await run(server, parquet(table, tmp_path), rejects=bad)
    assert report.rejected == 3
    with bad.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    rows.sort(key=lambda one: one["_row"])  # as they came to light
    assert [(one["_row"], one["_field"], one["_code"]) for one in rows] == [
        ("1", "", "server"),
        ("2", "name", "required"),
        ("3", "credit", "invalid_float"),
    ]
    # As Odoo's import spells it: a plain parent_id in a CSV file is a name.
    assert rows[0]["parent_id/.id"] == "8"
    assert (rows[0]["color"], rows[0]["seen"], rows[0]["category_id/.id"]) == ("2", "2024-01-01 10:30:00", "1,2")
    text = bad.read_text().replace("bad,bad", "bad,good").replace(",s,", ",s,").replace("nan,t,,7,NaN", "nan,t,,7,4")
    mended = tmp_path / "mended.csv"
    mended.write_text(text.replace("\n,s,", "\nnamed,s,"))
    again = await run(server, mended, rejects=tmp_path / "no.csv")
    assert (again.created, again.rejects) == (3, [])
    assert {one["name"]: one.get("credit") for one in server.records.values()} == {
        "good": 1.5,
        "bad": 2.0,
        "named": 3.25,
        "nan": 4,
    }
    assert all(
        one["parent_id"] in {7, 8, 9} and one["category_id"] == [[6, 0, [1, 2]]] for one in server.records.values()
    )


async def test_files_of_another_format_are_refused(tmp_path: Path) -> None:
    for suffix in ("parquet", "arrow", "feather"):
        path = tmp_path / f"rows.{suffix}"
        with pytest.raises(ConfigurationError, match="No such file"):
            open_source(path)
        path.write_text("name\nx\n")
        with pytest.raises(ConfigurationError, match=str(path)):
            open_source(path)
    path = parquet(TABLE, tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ConfigurationError, match=str(path)):
        open_source(path)


async def test_a_broken_page_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    table = pa.table({"name": [f"row {one}" for one in range(20_000)]})
    path = parquet(table, tmp_path, row_group_size=5000, compression="zstd", use_dictionary=False)
    place = pq.ParquetFile(path).metadata.row_group(2).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[place : place + 40] = b"\xff" * 40
    path.write_bytes(data)
    server = ScriptedServer()
    with pytest.raises(ConfigurationError, match=r"rows.parquet: row 8192: (?!C Data).*thrift(?!.*Traceback)"):
        await run(server, path)
    assert server.writes == []


async def test_without_pyarrow_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(TABLE, tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.ipc", None)
    with pytest.raises(ConfigurationError, match=r"pip install zenoo-fast\[arrow\]"):
        open_source(path)
    assert await stored(pl.DataFrame({"name": ["without pyarrow"]})) == [{"name": "without pyarrow"}]


async def test_a_file_is_resumed_and_a_stream_only_when_told(tmp_path: Path) -> None:
    table = pa.table({"name": [f"row {one}" for one in range(100)]})
    path, journal = parquet(table, tmp_path), tmp_path / "journal"

    class Empty(ScriptedServer):
        def _answer(self, call: Any) -> Any:
            return [] if call.method == "search" else super()._answer(call)

    control = Control()
    server = Empty(script=lambda number, _call: control.stop("enough") if number == 2 else None)
    options: dict[str, Any] = {"journal": journal, "concurrency": 1}
    first = await run(server, path, control=control, **options)
    assert (0 < first.created < 100, first.stopped) == (True, "enough")
    server.script = lambda _number, _call: None
    second = await run(server, path, resume=True, **options)
    assert (second.read, second.created) == (100, 100)
    assert len(server.records) == 100

    other = tmp_path / "other"
    await run(server, streamed(table), journal=other)
    with pytest.raises(ConfigurationError, match="allow-changed-source"):
        await run(server, streamed(table), journal=other, resume=True)
    assert (await run(server, streamed(table), journal=other, resume=True, allow_changed_source=True)).created == 100
    assert len(server.records) == 200


async def test_validators_see_the_records_of_a_table() -> None:
    def validate(records: list[dict[str, Any]]) -> Verdict:
        faults = [Fault(at, "is odd", "color") for at, one in enumerate(records) if one["color"] % 2]
        return Verdict(faults, {at: {"name": one["name"].upper()} for at, one in enumerate(records)})

    table = pa.table({"name": [f"row {one}" for one in range(10)], "color": list(range(10))})
    server = ScriptedServer()
    report = await run(server, table, validators=[SimpleNamespace(form="dicts", validate=validate)])
    assert [one["name"] for one in server.records.values()] == [f"ROW {one}" for one in range(0, 10, 2)]
    assert [(one.row, one.record) for one in report.rejects] == [
        (one, [f"row {one}", str(one)]) for one in range(1, 10, 2)
    ]


async def test_another_thread_runs_while_batches_are_read() -> None:
    table = pa.table({"name": [f"row {one}" for one in range(300_000)], "color": list(range(300_000))})
    source = open_source(table)
    from zenoo_fast._core import Layout, Schema

    source.layout = Layout(Schema("res.partner", FIELDS), columns=["name", "color"])
    counted, finished, started = 0, threading.Event(), threading.Event()

    def count() -> None:
        nonlocal counted
        started.set()
        while not finished.is_set():
            counted += 1

    thread = threading.Thread(target=count)
    thread.start()
    started.wait()
    before = counted
    block: Any = source.read(300_000, 1 << 30, None)
    meanwhile = counted - before
    finished.set()
    thread.join()
    assert len(block.chunk) == 300_000
    assert meanwhile > 0
