"""Bad input: one clear line, the right exit code, and nothing sent."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox

MODEL = ("--model", "res.partner")


@pytest.fixture
def nothing_sent(sandbox: Sandbox) -> Any:
    """The server has the records that it began with, and no others."""
    before = sandbox.store.search("res.partner", [], archived=True)
    yield
    assert sandbox.store.search("res.partner", [], archived=True) == before


def write(folder: Path, content: str | bytes) -> Path:
    file = folder / "input.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.mark.usefixtures("nothing_sent")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("", ["input.csv", "empty"], id="empty"),
        pytest.param("nam,color\nx,1\n", ["nam", "did you mean 'name'"], id="unknown"),
        pytest.param("name,create_date\nx,2020-01-01\n", ["create_date", "readonly"], id="readonly"),
        pytest.param("name,name\nx,y\n", ["two columns", "name"], id="twice"),
        pytest.param(
            "name\nok\nna\xefve\n".encode("latin-1"), ["input.csv", "row 1", "byte 10", "UTF-8"], id="encoding"
        ),
        pytest.param(
            b"name\n" + b"good\n" * 300_000 + b"na\xefve\n",
            ["input.csv", "row 300000", "byte 1500007", "UTF-8"],
            id="encoding far behind",
        ),
        pytest.param("name\nok\n" + '"' + "x" * 5000 + "\n", ["row 1", "byte", "1000 bytes", "quote"], id="long"),
        pytest.param('name,color\nok,1\n"open,2\nlost,3\n', ["row 1", "byte 16", "never closed"], id="open quote"),
        pytest.param("name\nx\n".encode("utf-16-le"), ["NUL", "UTF-16"], id="UTF-16 without a mark"),
        pytest.param("na\rme,color\nx,1\n", [r"na\rme"], id="control characters"),
        pytest.param("name,\nx,y\n", ["column 2 of 2", "no name"], id="no name"),
        pytest.param("Country\nx\n", ["'Country'", "did you mean 'country_id'"], id="a field's label"),
    ],
)
async def test_a_file_that_cannot_be_imported(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path, content: str | bytes, words: list[str]
) -> None:
    extra = ("--max-record-bytes", "1000") if "quote" in words else ()
    ended = await zenoo_fast("import", write(tmp_path, content), *MODEL, *extra, server=sandbox)
    ended.fails(2, *words)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["input.csv"]


@pytest.mark.usefixtures("nothing_sent")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "nope.csv", *MODEL], ["nope.csv", "No such file"]),
        (["import", ".", *MODEL], ["is a folder"]),
        (["import", "good.csv"], ["--model"]),
        (["import", "good.csv", "--model", "res.nope"], ["res.nope"]),
        (["import", "good.csv", *MODEL, "--map", "x"], ["--map x", "="]),
        (["import", "good.csv", *MODEL, "--map", "nope=name"], ["nope"]),
        (["import", "good.csv", *MODEL, "--context", "[1]"], ["--context", "object"]),
        (["import", "good.csv", *MODEL, "--context", "{"], ["--context", "JSON"]),
        (["import", "good.csv", *MODEL, "--chunk-size", "0"], ["--chunk-size", "auto"]),
        (["import", "good.csv", *MODEL, "--transport", "carrier-pigeon"], ["carrier-pigeon", "json2", "jsonrpc"]),
        (["import", "good.csv", *MODEL, "--progress", "fireworks"], ["fireworks", "rich"]),
        (["import", "good.csv", *MODEL, "--encoding", "klingon"], ["klingon"]),
        (["import", "good.csv", *MODEL, "--profile", "nope"], ["nope", "zenoo-fast.toml"]),
        (["import", "good.csv", *MODEL, "--resume"], ["journal"]),
        (["import", "good.csv", *MODEL, "--report", "nope/run.html"], ["nope/run.html", "no folder"]),
        (["import", "good.csv", *MODEL, "--rejects", "nope/bad.csv"], ["nope/bad.csv", "no folder"]),
        (["import", "good.csv", *MODEL, "--lane", "nope"], ["lane nope"]),
        (["import", "good.csv", *MODEL, "--validator", "nope"], ["nope"]),
        (["import", "good.csv", *MODEL, "--map", "name=name", "--map", "name=ref"], ["--map", "name", "twice"]),
        (["import", "good.csv", *MODEL, "--url", "http://h:1/odoo"], ["http://h:1", "no path"]),
        (["import", "sheet.csv", *MODEL], ["sheet.csv", "spreadsheet", "CSV"]),
        (["ids", "nope.journal"], ["nope.journal", "no such journal"]),
        (["import", "good.csv", *MODEL, "--api-key-file", "nope.key"], ["nope.key"]),
        (["fields", "res.nope"], ["res.nope"]),
        (["imprt"], ["imprt"]),
    ],
    ids=lambda value: " ".join(value) if value[0] in {"import", "fields", "ids", "imprt"} else "",
)
async def test_wrong_usage(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    (tmp_path / "good.csv").write_text("name\nGood\n")
    (tmp_path / "sheet.csv").write_bytes(b"PK\x03\x04\x14\x00")
    (await zenoo_fast(*arguments, server=sandbox)).fails(2, *words)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["good.csv", "sheet.csv"]


@pytest.mark.usefixtures("nothing_sent")
@pytest.mark.parametrize("transport", ["auto", "json2", "jsonrpc"])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ZENOO_FAST_URL": "http://127.0.0.1:9"}, ["http://127.0.0.1:9"]),
        ({"ZENOO_FAST_URL": "http://no-such-host.invalid"}, ["no-such-host.invalid"]),
        ({"ZENOO_FAST_DATABASE": "nope"}, ["nope"]),
        ({"ZENOO_FAST_API_KEY": "wrong-secret"}, ["admin"]),
    ],
    ids=["no server", "no host", "database", "key"],
)
async def test_no_connection_or_log_in(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path, transport: str, wrong: dict[str, str], words: list[str]
) -> None:
    file = write(tmp_path, "name\nGood\n")
    ended = await zenoo_fast("import", file, *MODEL, "--transport", transport, server=sandbox, env=wrong)
    ended.fails(3, *words)
    assert "wrong-secret" not in ended.err


@pytest.mark.parametrize("transport", ["auto", "json2", "jsonrpc"])
async def test_a_server_that_answers_html(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path, transport: str) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html><title>Welcome to nginx</title></html>", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ended = await zenoo_fast(
            "import",
            write(tmp_path, "name\nGood\n"),
            *(*MODEL, "--transport", transport),
            server=sandbox,
            env={"ZENOO_FAST_URL": url},
        )
    finally:
        await runner.cleanup()
    ended.fails(3, url, "HTML")


async def test_settings_that_are_missing_are_named(zenoo_fast: Any, tmp_path: Path) -> None:
    file = write(tmp_path, "name\nGood\n")
    settings = {"URL": "http://x", "DATABASE": "x", "LOGIN": "x", "API_KEY": "x"}
    for missing in settings:
        env = {f"ZENOO_FAST_{name}": value for name, value in settings.items() if name != missing}
        (await zenoo_fast("import", file, *MODEL, env=env)).fails(2, f"ZENOO_FAST_{missing}")


async def test_rows_that_are_bad_are_rejects_and_the_others_go_in(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    file = write(tmp_path, "name,color\nGood,1\nlong,1,2,3\nshort\nnul\0,1\n\nGood too,2\n")
    ended = await zenoo_fast("import", file, *MODEL, "--json", server=sandbox)
    report = ended.report
    assert (ended.code, report["read"], report["created"], report["rejected"]) == (1, 5, 2, 3)
    assert [one["row"] for one in report["rejects"]] == [1, 2, 3]
    long, short, nul = (one["message"] for one in report["rejects"])
    assert "4" in long
    assert "2" in long
    assert "1" in short
    assert "NUL" in nul
    with (tmp_path / "input.rejects.csv").open(newline="") as rejects:
        assert len(list(csv.reader(rejects))) == 4


async def test_an_encoding_broken_in_a_pipe_stops_before_anything_is_sent(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    """A pipe cannot be checked before: what is in its first block has not been sent when the fault is met."""
    before = sandbox.store.search("res.partner", [], archived=True)
    ended = await zenoo_fast("import", "-", *MODEL, server=sandbox, stdin=b"name\nok\nna\xefve\n")
    assert ended.code == 2, ended.err
    assert "row 1" in ended.err
    assert "byte 10" in ended.err
    assert sandbox.store.search("res.partner", [], archived=True) == before


@pytest.mark.usefixtures("nothing_sent")
@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        pytest.param(b'{"name":"ok"}\n{"name":"na\xefve"}\n', (), ["row 1", "byte 25", "UTF-8"], id="encoding"),
        pytest.param(
            b'{"name":"ok"}\n{"name":"' + b"x" * 5000 + b'"}\n',
            ("--max-record-bytes", "1000"),
            ["row 1", "byte 14", "1000 bytes", "one record a line"],
            id="long",
        ),
        pytest.param(b'{"name":"ok"}\n', ("--delimiter", ";"), ["delimiter", "CSV"], id="delimiter"),
        pytest.param(b'{"id":"x.y","name":"ok"}\n', (), ["column id", "new records"], id="external id"),
    ],
)
async def test_json_lines_that_cannot_be_imported(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path, content: bytes, options: tuple[str, ...], words: list[str]
) -> None:
    file = tmp_path / "input.ndjson"
    file.write_bytes(content)
    ended = await zenoo_fast("import", file, *MODEL, *options, server=sandbox)
    ended.fails(2, *words)
    assert [one.name for one in tmp_path.iterdir()] == ["input.ndjson"]
