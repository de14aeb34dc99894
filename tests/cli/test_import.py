"""``zenoo-fast import`` as a process, against a sandbox in the test's own."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox

MODEL = ("--model", "res.partner")


def write(folder: Path, rows: int, bad: tuple[int, ...] = ()) -> Path:
    """Partners; the bad ones have a colour that is no number."""
    file = folder / "partners.csv"
    lines = [f"Imported {row},{'blue' if row in bad else row % 11}" for row in range(rows)]
    file.write_text("\n".join(["name,color", *lines]) + "\n")
    return file


def stored(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Partners that an import has made."""
    ids = sandbox.store.search("res.partner", [["name", "=like", "Imported%"]])
    return [record for _, record in sorted(sandbox.store.get("res.partner", ids).items())]


@pytest.mark.parametrize("transport", ["json2", "jsonrpc"])
@pytest.mark.parametrize("workers", ["0", "2"])
async def test_good_rows_go_in_and_bad_ones_are_set_aside(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path, transport: str, workers: str
) -> None:
    file = write(tmp_path, 500, bad=(7, 300))
    ended = await zenoo_fast(
        "import", file, *MODEL, "--json", "--transport", transport, "--workers", workers, server=sandbox
    )
    report = ended.report
    assert ended.code == 1
    assert (report["read"], report["created"], report["rejected"]) == (500, 498, 2)
    assert [one["row"] for one in report["rejects"]] == [7, 300]
    assert report["tuning"]["transport"] == transport
    assert report["tuning"]["workers"] == int(workers)
    assert len(stored(sandbox)) == 498
    with (tmp_path / "partners.rejects.csv").open(newline="") as rejects:
        rows = list(csv.DictReader(rejects))
    assert [(one["name"], one["color"], one["_row"], one["_field"]) for one in rows] == [
        ("Imported 7", "blue", "7", "color"),
        ("Imported 300", "blue", "300", "color"),
    ]
    assert "not a whole number" in rows[0]["_message"]
    assert not (tmp_path / "partners.csv.journal").exists()


async def test_the_table_says_how_it_went_and_what_to_do(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    ended = await zenoo_fast("import", write(tmp_path, 120, bad=(3,)), *MODEL, server=sandbox)
    assert ended.code == 1
    assert ended.out == ""
    counts = {}
    for line in ended.err.splitlines():
        cells = line.split("│")
        if len(cells) == 4:
            counts[cells[1].strip()] = int(cells[2].replace(",", ""))
    assert counts == {"read": 120, "created": 119, "rejected": 1, "unknown": 0}
    assert "First reject: row 3 (counted from 0), color:" in ended.err
    assert "partners.rejects.csv" in ended.err


async def test_mended_rejects_are_imported_again(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    await zenoo_fast("import", write(tmp_path, 50, bad=(3,)), *MODEL, "--quiet", server=sandbox)
    rejects = tmp_path / "partners.rejects.csv"
    rejects.write_text(rejects.read_text().replace("blue", "3", 1))
    ended = await zenoo_fast("import", rejects, *MODEL, "--json", server=sandbox)
    assert (ended.code, ended.report["created"]) == (0, 1)
    assert len(stored(sandbox)) == 50


async def test_every_row_in_is_exit_code_0_and_quiet_is_silent(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    ended = await zenoo_fast("import", write(tmp_path, 30), *MODEL, "--quiet", server=sandbox)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert len(stored(sandbox)) == 30


async def test_a_dry_run_checks_everything_and_sends_nothing(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    ended = await zenoo_fast(
        "import", write(tmp_path, 5000, bad=(4999,)), *MODEL, "--dry-run", "--json", server=sandbox
    )
    (line,) = ended.out.splitlines()
    report = json.loads(line)
    assert ended.code == 1
    assert (report["read"], report["rejected"], report["created"], report["requests"]) == (5000, 1, 0, 0)
    assert report["dry_run"] is True
    assert stored(sandbox) == []
    assert "dry run: nothing was sent" in ended.err


async def test_a_limit_reads_the_first_rows_only(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    ended = await zenoo_fast(
        "import", write(tmp_path, 300, bad=(250,)), *MODEL, "--limit", "40", "--json", server=sandbox
    )
    assert (ended.code, ended.report["read"], ended.report["created"]) == (0, 40, 40)
    assert [one["name"] for one in stored(sandbox)] == [f"Imported {row}" for row in range(40)]


async def test_columns_are_mapped_and_left_out(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("Company;Mail;Junk\nImported A;a@example.com;x\n")
    maps = ("--map", "Company=name", "--map", "Mail=email", "--map", "Junk=")
    ended = await zenoo_fast("import", file, *MODEL, *maps, "--json", server=sandbox)
    assert ended.code == 0, ended.err
    (record,) = stored(sandbox)
    assert (record["name"], record["email"]) == ("Imported A", "a@example.com")


async def test_the_context_reaches_the_server(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    seen: list[bytes] = []
    choose = sandbox.faults.choose

    def watch(method: str, body: bytes) -> Any:
        if method == "create":
            seen.append(body)
        return choose(method, body)

    sandbox.faults.plan = [_no_fault()]
    sandbox.faults.choose = watch  # type: ignore[method-assign]
    context = {"lang": "de_DE", "tracking_disable": False}
    ended = await zenoo_fast(
        "import", write(tmp_path, 3), *MODEL, "--context", json.dumps(context), "--json", server=sandbox
    )
    assert ended.code == 0, ended.err
    sent = json.loads(seen[0])["context"]
    assert {name: sent[name] for name in context} == context
    assert sent["mail_notrack"] is True


def _no_fault() -> Any:
    from zenoo_fast.sandbox import Fault

    return Fault("delay", method="nothing")


async def test_standard_input(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    ended = await zenoo_fast(
        "import", "-", *MODEL, "--json", server=sandbox, stdin=b"name,color\nImported A,1\nImported B,red\n"
    )
    assert (ended.code, ended.report["created"], ended.report["rejected"]) == (1, 1, 1)
    assert (tmp_path / "stdin.rejects.csv").exists()


async def test_upsert_finds_its_records_again(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "partners.csv"
    file.write_text("id,name\ncli.a,Imported A\ncli.b,Imported B\n")
    first = await zenoo_fast("import", file, *MODEL, "--mode", "upsert", "--json", server=sandbox)
    file.write_text("id,name\ncli.a,Imported A2\ncli.c,Imported C\n")
    second = await zenoo_fast("import", file, *MODEL, "--mode", "upsert", "--json", server=sandbox)
    assert (first.code, first.report["created"]) == (0, 2)
    assert (second.code, second.report["created"], second.report["updated"]) == (0, 1, 1)
    assert sorted(one["name"] for one in stored(sandbox)) == ["Imported A2", "Imported B", "Imported C"]


async def test_an_idempotent_import_is_harmless_twice(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    file = write(tmp_path, 60)
    keyed = ("import", file, *MODEL, "--idempotent", "--key", "name", "--json")
    assert (await zenoo_fast(*keyed, server=sandbox)).report["created"] == 60
    assert (await zenoo_fast(*keyed, server=sandbox)).report["unchanged"] == 60
    assert len(stored(sandbox)) == 60


async def test_json_lines_of_progress_go_to_stderr(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    ended = await zenoo_fast("import", write(tmp_path, 100), *MODEL, "--json", "--progress", "jsonl", server=sandbox)
    events = [json.loads(line) for line in ended.err.splitlines() if line.startswith("{")]
    assert [events[0]["event"], events[-1]["event"]] == ["start", "finish"]
    assert events[0]["total"] == events[-1]["created"] == ended.report["created"] == 100


def write_lines(folder: Path, name: str = "partners.jsonl") -> Path:
    file = folder / name
    lines = [json.dumps({"name": f"Imported {row}", "color": "blue" if row == 7 else row % 11}) for row in range(200)]
    lines[9] = '{"name": "Imported 9", "color": 3'
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.mark.parametrize("workers", ["0", "2"])
async def test_json_lines_and_their_mended_rejects(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path, workers: str
) -> None:
    file = write_lines(tmp_path)
    ended = await zenoo_fast("import", file, *MODEL, "--json", "--workers", workers, server=sandbox)
    assert ended.code == 1
    assert [(one["row"], one["field"], one["code"]) for one in ended.report["rejects"]] == [
        (7, "color", "invalid_integer"),
        (9, None, "not_json"),
    ]
    rejects = tmp_path / "partners.rejects.jsonl"
    coloured, broken = (json.loads(line) for line in rejects.read_text().splitlines())
    assert (coloured["name"], coloured["color"], coloured["_row"]) == ("Imported 7", "blue", 7)
    mended = [{**coloured, "color": 7}, json.loads(broken["_record"] + "}")]
    rejects.write_text("".join(json.dumps(one) + "\n" for one in mended))
    again = await zenoo_fast("import", rejects, *MODEL, "--json", server=sandbox)
    assert (again.code, again.report["created"]) == (0, 2)
    assert sorted(one["name"] for one in stored(sandbox)) == sorted(f"Imported {row}" for row in range(200))


async def test_json_lines_on_standard_input(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    lines = b'{"name":"Imported A","color":1}\n{"name":"Imported B","color":"red"}\n'
    ended = await zenoo_fast("import", "-", *MODEL, "--json", "--format", "ndjson", server=sandbox, stdin=lines)
    assert (ended.code, ended.report["created"], ended.report["rejected"]) == (1, 1, 1)
    (line,) = (tmp_path / "stdin.rejects.ndjson").read_text().splitlines()
    assert json.loads(line)["name"] == "Imported B"
