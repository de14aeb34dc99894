"""NDJSON files as people have them, through an import to a scripted server."""

from __future__ import annotations

import gzip
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from scripted_server import FIELDS, ScriptedClient, ScriptedServer, run

from zenoo_fast._core import Layout, NdjsonSource, Schema
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.importing import import_records
from zenoo_fast.sources.files import CsvFile, NdjsonFile
from zenoo_fast.sources.open import open_source


def write(folder: Path, records: list[Any], name: str = "rows.ndjson") -> Path:
    file = folder / name
    lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def names(server: ScriptedServer) -> list[str]:
    return [one["name"] for _, one in sorted(server.records.items())]


async def test_records_name_their_own_fields(tmp_path: Path) -> None:
    records = [
        {"name": "Émile 🦀", "ref": 'say "yes"\n', "color": 3},
        {"color": None, "name": "two"},
        {"name": "three", "type": "b", "ref": 12345678901234567890},
    ]
    server = ScriptedServer()
    report = await run(server, write(tmp_path, records), concurrency=1)
    assert (report.read, report.created) == (3, 3)
    first, second, third = (server.records[report.ids[row]] for row in range(3))
    assert first == records[0]
    assert second == {"name": "two", "color": False}
    assert third["ref"] == "12345678901234567890"


async def test_a_file_and_a_list_come_to_the_same(tmp_path: Path) -> None:
    records: list[Any] = [{"name": f"row {one}", "color": one % 7, "ref": f"r{one}"} for one in range(300)]
    records[5] = {"name": "", "color": 1}
    records[17] = ["no", "mapping"]
    records[40]["color"] = "red"
    records[41]["nope"] = 1
    records[100]["ref"] = "bad"
    outcomes = []
    for source in (records, write(tmp_path, records)):
        server = ScriptedServer()
        report = await run(server, source, concurrency=1)
        outcomes.append((report.created, report.rejects, server.writes, server.records))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == 295


@pytest.mark.parametrize("name", ["rows.ndjson", "rows.JSONL", "rows.jsonl.gz", "rows.ndjson.zst", "rows.jsonl.zst"])
async def test_files_are_told_by_their_suffix_and_compression_by_their_first_bytes(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.compress(b'\xef\xbb\xbf{"name":"a"}\r\n\r\n{"name":"b"}'))
    opened = open_source(file)
    assert isinstance(opened, NdjsonFile)
    assert (opened.columns, opened.delimiter, opened.threaded, opened.size) == (None, None, True, file.stat().st_size)
    assert await opened.first() == {"name": "a"}
    server = ScriptedServer()
    assert (await run(server, file)).created == 2
    assert names(server) == ["a", "b"]


async def test_the_format_can_be_said(tmp_path: Path) -> None:
    file = write(tmp_path, [{"name": "a"}], "export.txt")
    server = ScriptedServer()
    assert (await run(server, file, format="ndjson")).created == 1
    other = tmp_path / "really.jsonl"
    other.write_text("name\nb\n")
    assert isinstance(open_source(other, format="csv"), CsvFile)
    assert (await run(server, other, format="csv")).created == 1
    assert names(server) == ["a", "b"]
    for options, says in (
        ({"format": "xml"}, "format is one of csv, ndjson"),
        ({"format": "ndjson", "delimiter": ";"}, "a delimiter is for CSV"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            open_source(file, **options)
    with pytest.raises(ConfigurationError, match="a list is none"):
        open_source([{"name": "a"}], format="ndjson")


async def test_standard_input(tmp_path: Path) -> None:
    file = write(tmp_path, [{"name": f"row {one}"} for one in range(3000)])
    with file.open("rb") as handle:
        keep = os.dup(0)
        os.dup2(handle.fileno(), 0)
        try:
            server = ScriptedServer()
            report = await run(server, "-", format="ndjson", chunk_size=500)
        finally:
            os.dup2(keep, 0)
            os.close(keep)
    assert report.created == 3000
    with pytest.raises(ConfigurationError, match="a journal needs a file"):
        await run(server, "-", format="ndjson", journal=tmp_path / "j")


async def test_another_encoding_has_to_be_named(tmp_path: Path) -> None:
    file = tmp_path / "rows.ndjson"
    file.write_bytes('{"name":"good"}\n\n{"name":"Émile"}\n'.encode("cp1252"))
    server = ScriptedServer()
    with pytest.raises(ConfigurationError, match=r"rows\.ndjson: row 1: byte 26 is not UTF-8"):
        await run(server, file)
    assert server.writes == []
    await run(server, file, encoding="windows-1252")
    assert names(server) == ["good", "Émile"]
    file.write_bytes('{"name":"Ωmega"}\n'.encode("utf-16"))
    await run(server, file)
    assert names(server)[2] == "Ωmega"


async def test_a_line_that_is_too_long_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    file = write(tmp_path, [{"name": "a"}, {"name": "x" * 400_000}])
    server = ScriptedServer()
    with pytest.raises(ConfigurationError, match=r"row 1, which begins at byte 14, is longer than 100000 bytes"):
        await run(server, file, max_record_bytes=100_000)
    assert server.writes == []
    assert (await run(server, file)).created == 2


async def test_lines_that_are_no_records_are_rejects(tmp_path: Path) -> None:
    lines: list[Any] = [
        {"name": "good"},
        '{"name": "cut',
        '{"name": "twice", "name": "again"}',
        "[1, 2]",
        '{"name": "deep", "ref": ' + "[" * 70 + "]" * 70 + "}",
        '{"name": NaN}',
        "{}",
        "null",
        '{"name": "nul\\u0000"}',
        '{"name": "half \\ud83d"}',
        {"name": "good, too"},
    ]
    server = ScriptedServer()
    report = await run(server, write(tmp_path, lines), rejects=tmp_path / "bad.ndjson")
    assert names(server) == ["good", "good, too"]
    assert [(one.row, one.field, one.code) for one in report.rejects] == [
        (1, None, "not_json"),
        (2, "name", "duplicate_key"),
        (3, None, "not_a_mapping"),
        (4, "ref", "too_deep"),
        (5, None, "not_json"),
        (6, "name", "required"),
        (7, None, "not_a_mapping"),
        (8, "name", "nul"),
        (9, "name", "invalid_text"),
    ]
    assert report.rejects[0].message == "is not JSON: EOF while parsing a string (at byte 13 of the line)"
    kept = [json.loads(line) for line in (tmp_path / "bad.ndjson").read_text(encoding="utf-8").splitlines()]
    assert [one["_row"] for one in kept] == list(range(1, 10))
    assert [one["_record"] for one in kept[:3]] == ['{"name": "cut', '{"name": "twice", "name": "again"}', [1, 2]]
    assert [one["name"] for one in kept[7:]] == ["nul\0", "half \ud83d"]


async def test_a_mended_reject_file_goes_in_as_it_is(tmp_path: Path) -> None:
    records = [{"name": f"row {one}", "color": one, "ref": "x"} for one in range(50)]
    records[3]["color"] = "blue"
    records[7]["ref"] = "bad"
    server = ScriptedServer()
    bad = tmp_path / "bad.jsonl"
    report = await run(server, write(tmp_path, records), rejects=bad)
    assert [(one.row, one.field) for one in report.rejects] == [(3, "color"), (7, None)]
    text = bad.read_text().replace('"blue"', "1").replace('"bad"', '"good"')
    again = await run(server, write(tmp_path, text.splitlines(), "mended.jsonl"), rejects=bad)
    assert (again.created, again.rejected) == (2, 0)
    assert sorted(names(server)) == sorted(f"row {one}" for one in range(50))
    third = await run(server, bad, rejects=bad)
    assert (third.rejected, third.rejects_file) == (2, tmp_path / "bad.2.jsonl")
    # Records of a program, too.
    assert (await run(server, [json.loads(line) for line in text.splitlines()])).created == 2


async def test_keys_are_mapped_and_left_out(tmp_path: Path) -> None:
    records = [{"Name": "a", "junk": [1], "ref": "1"}, {"ref": "2", "Name": "b"}]
    server = ScriptedServer()
    report = await run(server, write(tmp_path, records), mapping={"Name": "name", "junk": ""}, concurrency=1)
    assert report.created == 2
    assert list(server.records.values()) == [{"name": "a", "ref": "1"}, {"ref": "2", "name": "b"}]


async def test_rows_go_by_the_ids_that_they_name(tmp_path: Path) -> None:
    server = ScriptedServer()
    records = [{"id": "x.a", "name": "A"}, {"name": "B"}, {"name": "C", "id": "x.c"}]
    report = await run(server, write(tmp_path, records), mode="upsert", concurrency=1)
    assert (report.created, server.external) == (2, {"x.a": 1, "x.c": 2})
    assert [(one.row, one.field, one.code) for one in report.rejects] == [(1, "id", "missing_id")]
    keyed = [{"Name": "a", "ref": 1}, {"ref": "1", "Name": "a, again"}]
    report = await run(
        server, write(tmp_path, keyed), mapping={"Name": "name"}, idempotent=True, key=["Name", "ref"], concurrency=1
    )
    assert (report.created, report.unchanged, len(server.external)) == (2, 0, 4)


async def test_a_pipe_that_turns_bad_keeps_what_came_before(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.ndjson"
    os.mkfifo(pipe)

    def fill() -> None:
        with pipe.open("wb") as out:
            out.write(b"".join(b'{"name":"row %d"}\n' % one for one in range(9000)) + b'{"name":"\xff"}\n')

    writer = threading.Thread(target=fill)
    writer.start()
    report = await run(ScriptedServer(), pipe, chunk_size=500)
    writer.join()
    assert "row 9000" in report.stopped
    assert report.not_read
    assert report.read == report.created <= 9000


async def test_no_record_is_an_import_of_nothing(tmp_path: Path) -> None:
    for content in ("", "\n \n"):
        file = tmp_path / "rows.ndjson"
        file.write_text(content)
        report = await run(ScriptedServer(), file)
        assert (report.read, report.requests) == (0, 0)


async def test_a_limit_and_a_dry_run(tmp_path: Path) -> None:
    file = write(tmp_path, [{"name": f"row {one}", "color": "x" if one == 90 else 1} for one in range(100)])
    server = ScriptedServer()
    assert (await run(server, file, limit=10)).read == 10
    report = await import_records(ScriptedClient(server), "res.partner", file, dry_run=True)
    assert (report.read, report.rejected, len(server.records)) == (100, 1, 10)


def test_reading_leaves_other_threads_running(tmp_path: Path) -> None:
    """No Python object a record: a block of many records is one call that holds nothing."""
    file = write(tmp_path, [{"name": f"row {one}"} for one in range(200_000)])
    source = NdjsonSource(str(file))
    layout = Layout(Schema("res.partner", FIELDS))
    counted = 0
    finished, started = threading.Event(), threading.Event()

    def count() -> None:
        nonlocal counted
        started.set()
        while not finished.is_set():
            counted += 1

    thread = threading.Thread(target=count)
    thread.start()
    started.wait()
    before = counted
    block = source.read(layout, max_rows=1_000_000, max_bytes=1 << 30)
    meanwhile = counted - before
    finished.set()
    thread.join()
    assert block is not None
    assert (len(block.chunk), source.position) == (200_000, file.stat().st_size)
    assert meanwhile > 0
