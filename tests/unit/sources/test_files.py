"""CSV files as people have them, through an import to a scripted server."""

from __future__ import annotations

import csv
import gzip
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted_server import ScriptedServer, run

from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.sources.columns import resolve
from zenoo_fast.sources.open import open_source


async def stored(file: Path, **options: Any) -> list[dict[str, Any]]:
    server = ScriptedServer()
    report = await run(server, file, **options)
    assert not report.rejected, report.rejects
    return [server.records[report.ids[row]] for row in range(report.read)]


def names(records: list[dict[str, Any]]) -> list[str]:
    return [one["name"] for one in records]


def write(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
async def test_the_delimiter_is_told_from_the_header(tmp_path: Path, delimiter: str) -> None:
    file = write(tmp_path, f"name{delimiter}ref\nA, B; C{delimiter}1\n" if delimiter not in ",;" else
                 f'name{delimiter}ref\n"A, B; C"{delimiter}1\n')  # fmt: skip
    assert names(await stored(file)) == ["A, B; C"]


async def test_quotes_newlines_and_line_ends(tmp_path: Path) -> None:
    file = write(tmp_path, 'name,ref\r\n"two\nlines","say ""yes"""\r\n plain ,\r\nlast,x')
    records = await stored(file)
    assert names(records) == ["two\nlines", " plain ", "last"]
    assert records[0]["ref"] == 'say "yes"'
    assert "ref" not in records[1]


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
async def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, mark: str) -> None:
    assert names(await stored(write(tmp_path, "name\nÉmile €\n".encode(mark)))) == ["Émile €"]


async def test_another_encoding_has_to_be_named(tmp_path: Path) -> None:
    file = write(tmp_path, "name\ngood\nÉmile\n".encode("cp1252"))
    server = ScriptedServer()
    with pytest.raises(ConfigurationError, match=r"row 1\b.*byte") as caught:
        await run(server, file)
    assert server.writes == []
    assert str(file) in caught.value.message
    assert names(await stored(file, encoding="windows-1252")) == ["good", "Émile"]
    with pytest.raises(ConfigurationError, match="klingon"):
        await run(server, file, encoding="klingon")


async def test_compressed_files_are_told_by_themselves(tmp_path: Path) -> None:
    content = b"name\n" + b"".join(b"row %d\n" % one for one in range(20_000))
    for name in ("rows.csv.gz", "rows.csv"):
        file = write(tmp_path, gzip.compress(content), name)
        assert len(await stored(file, chunk_size=2000)) == 20_000


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("name,nope\nx,y\n", "no field nope"),
        ("nam\nx\n", "did you mean 'name'"),
        ("name,name\nx,y\n", "two columns go to name"),
        ("name,\nx,y\n", "has no name"),
        ("name/id\nx\n", "not a relation"),
        ("id,name\nx,y\n", "external ids"),
        (".id,name\n1,y\n", "database ids"),
    ],
)
async def test_a_header_that_goes_nowhere_is_refused_before_anything_is_sent(
    tmp_path: Path, content: str, says: str
) -> None:
    server = ScriptedServer()
    with pytest.raises(ConfigurationError, match=says):
        await run(server, write(tmp_path, content))
    assert server.writes == []


async def test_a_missing_file_and_one_of_another_kind_are_refused(tmp_path: Path) -> None:
    for name, says in (("nope.csv", "No such file"), ("nope.xlsx", "No such file")):
        with pytest.raises(ConfigurationError, match=says):
            open_source(tmp_path / name)
    write(tmp_path, "x", "rows.xlsx")
    with pytest.raises(ConfigurationError, match="not read"):
        open_source(tmp_path / "rows.xlsx")
    for wrong in (5, b"x", {"name": "x"}):
        with pytest.raises(ConfigurationError, match="iterable of mappings"):
            open_source(wrong)


async def test_a_header_alone_is_an_import_of_nothing(tmp_path: Path) -> None:
    report = await run(ScriptedServer(), write(tmp_path, "name,ref\n"))
    assert (report.read, report.requests) == (0, 0)


async def test_rows_of_another_length_and_values_that_do_not_fit_are_rejects(tmp_path: Path) -> None:
    lines = ["name,color,type", "good,1,a", "short,2", "long,1,a,more", ",1,a", "x,one,a", "x,1,z", "nul\0,1,a", "ok,,"]
    server = ScriptedServer()
    report = await run(server, write(tmp_path, "\n".join(lines) + "\n"), rejects=tmp_path / "bad.csv")
    found = {one.row: one for one in report.rejects}
    assert {2, 3, 4, 5, 6} <= set(found) <= {1, 2, 3, 4, 5, 6}
    assert [found[row].field for row in (3, 4, 5)] == ["name", "color", "type"]
    assert "NUL" in found[6].message
    assert all("\n" not in one.message and len(one.message) > 5 for one in report.rejects)
    assert {"good", "ok"} <= {one["name"] for one in server.records.values()}
    with (tmp_path / "bad.csv").open(newline="") as handle:
        assert sum(1 for _ in csv.reader(handle)) == 1 + report.rejected


async def test_a_record_that_never_ends_is_bounded(tmp_path: Path) -> None:
    file = write(tmp_path, b'name\nfirst\n"' + b"x" * 300_000)
    server = ScriptedServer()
    with pytest.raises(ConfigurationError, match=r"row 1\b.*100000"):
        await run(server, file, max_record_bytes=100_000)
    assert server.writes == []


async def test_a_pipe_is_read_once_and_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)

    def fill() -> None:
        with pipe.open("w") as out:
            out.write("name\n")
            out.writelines(f"row {one}\n" for one in range(5000))

    writer = threading.Thread(target=fill)
    writer.start()
    records = await stored(pipe, chunk_size=500)
    writer.join()
    assert names(records) == [f"row {one}" for one in range(5000)]


async def test_a_pipe_that_turns_bad_keeps_what_came_before(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)

    def fill() -> None:
        with pipe.open("wb") as out:
            out.write(b"name\n" + b"".join(b"row %d\n" % one for one in range(9000)) + b"\xff\xfe\xfa\n")

    writer = threading.Thread(target=fill)
    writer.start()
    report = await run(ScriptedServer(), pipe, chunk_size=500)
    writer.join()
    assert "row 9000" in report.stopped
    assert report.not_read
    assert report.read == report.created <= 9000


async def test_a_mended_reject_file_goes_in_as_it_is(tmp_path: Path) -> None:
    lines = [f"row {one},{'x' if one in {3, 40} else one},{one}" for one in range(50)]
    lines[7] = "row 7,7,bad"
    server = ScriptedServer()
    bad = tmp_path / "bad.csv"
    report = await run(server, write(tmp_path, "\n".join(["name,color,ref", *lines])), rejects=bad)
    assert report.rejected == 3
    text = bad.read_text().replace(",x,", ",1,").replace("row 7,7,bad", "row 7,7,good")
    again = await run(server, write(tmp_path, text, "mended.csv"), rejects=bad)
    assert (again.created, again.rejected) == (3, 0)
    assert {one["name"] for one in server.records.values()} == {f"row {one}" for one in range(50)}
    third = await run(server, bad, rejects=bad)
    assert (third.rejected, third.rejects_file) == (3, tmp_path / "bad.2.csv")


FIELDS = {
    "name": {"type": "char"},
    "parent_id": {"type": "many2one", "relation": "res.partner"},
    "create_date": {"type": "datetime", "readonly": True},
}


def test_columns_go_where_they_are_sent() -> None:
    found = resolve(["A", "parent_id/.id", "B", "_row"], {"A": "name", "B": ""}, "m", FIELDS)
    assert (list(found.targets), found.needs_load) == (["name", "parent_id/.id", None, None], False)
    assert resolve(["name", "parent_id/id"], {}, "m", FIELDS).needs_load
    for header, mapping, says in (
        (["create_date"], {}, "readonly"),
        (["parent_id/name"], {}, "only /id and /.id"),
        (["name"], {"naem": "name"}, "did you mean 'name'"),
        (["name"], {"name": ""}, "no column of the file"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            resolve(header, mapping, "m", FIELDS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip),
            st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n,;"\t ')),
        ),
        max_size=30,
    )
)
async def test_whatever_is_written_is_what_arrives(tmp_path: Path, cells: list[tuple[str, str]]) -> None:
    file = tmp_path / "rows.csv"
    with file.open("w", newline="", encoding="utf-8") as handle:
        out = csv.writer(handle)
        out.writerow(["name", "ref"])
        out.writerows(cells)
    server = ScriptedServer(refuses=lambda _values: None)
    report = await run(server, file, chunk_size=7)
    assert report.read == len(cells)
    for row, number in report.ids:
        assert server.records[number]["name"] == cells[row][0]
        assert server.records[number].get("ref", "") == cells[row][1]
    assert all(one.code == "required" or "\0" in one.message for one in report.rejects)
