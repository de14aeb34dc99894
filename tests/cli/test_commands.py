"""The other commands, help of all of them, where settings come from, and that secrets stay secret."""

from __future__ import annotations

import csv
import json
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import zenoo_fast as package
from zenoo_fast.cli.main import COMMANDS
from zenoo_fast.sandbox import Fault

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox


async def test_help_lists_every_command_and_says_how_to_begin(zenoo_fast: Any) -> None:
    ended = await zenoo_fast("--help")
    assert (ended.code, ended.err) == (0, "")
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", ended.out, re.MULTILINE), name
    assert "zenoo-fast demo" in ended.out
    assert (await zenoo_fast()).code == 2


@pytest.mark.parametrize("name", sorted(COMMANDS))
async def test_every_command_has_help(zenoo_fast: Any, name: str) -> None:
    ended = await zenoo_fast(name, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: zenoo-fast {name}")
    assert "--help" in ended.out


async def test_no_option_takes_a_secret(zenoo_fast: Any) -> None:
    for name in COMMANDS:
        options = re.findall(r"--[a-z-]+", (await zenoo_fast(name, "--help")).out)
        assert not {"--password", "--api-key", "--key-value"} & set(options)


async def test_the_version_is_told(zenoo_fast: Any) -> None:
    assert (await zenoo_fast("--version")).out == f"zenoo-fast, version {package.__version__}\n"


async def test_fields_says_what_columns_may_be(zenoo_fast: Any, sandbox: Sandbox) -> None:
    table = (await zenoo_fast("fields", "res.partner", server=sandbox)).out
    assert "company_id/.id" in table
    assert re.search(r"name +│ char +│ Name", table)
    assert "…" not in table
    assert "create_date" not in table
    writable = json.loads((await zenoo_fast("fields", "res.partner", "--json", server=sandbox)).out)
    every = json.loads((await zenoo_fast("fields", "res.partner", "--json", "--all", server=sandbox)).out)
    assert writable["name"]["type"] == "char"
    assert set(every) - set(writable) >= {"create_date"}


@pytest.mark.parametrize("flags", [(), ("--discard",)])
async def test_the_sandbox_says_how_to_use_it_and_ends_cleanly(
    zenoo_fast: Any, started: Any, finished: Any, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    process = await started("sandbox", "--port", "0", *flags)
    told = b""
    while b"Ctrl-C" not in told:
        line = await process.stdout.readline()
        assert line, (await process.communicate())[1]
        told += line
    env = dict(re.findall(r"(ZENOO_FAST_\w+)=(\S+)", told.decode()))
    assert set(env) == {f"ZENOO_FAST_{name}" for name in ("URL", "DATABASE", "LOGIN", "PASSWORD", "API_KEY")}
    (tmp_path / "rows.csv").write_text("name\nOne\nTwo\n")
    ended = await zenoo_fast("import", "rows.csv", "--model", "res.partner", "--json", env=env)
    assert (ended.code, ended.report["created"]) == (0, 2)
    process.send_signal(signal.SIGINT)
    assert (await finished(process)).code == 0


async def test_the_demo_reconciles_and_leaves_no_process_behind(started: Any, finished: Any, tmp_path: Path) -> None:
    process = await started("demo", "--rows", "6000", "--folder", str(tmp_path / "demo"))
    ended = await finished(process)
    assert ended.code == 0, ended.err
    rejects = tmp_path / "demo" / "rejects.csv"
    assert re.search(r"read +│ +6,000 ", ended.err)
    assert re.search(r"created +│ +5,950 ", ended.err)
    assert re.search(r"rejected +│ +50 ", ended.err)
    assert str(rejects) in ended.err
    with rejects.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 50
    assert {one["_field"] for one in rows} == {"name", "color", "country_id", "is_company"}
    ours = [one for one in psutil.process_iter(["cmdline"]) if "zenoo_fast.sandbox" in (one.info["cmdline"] or [])]
    assert not [one for one in ours if one.ppid() == process.pid]


async def test_ids_of_a_cut_off_run_and_reconcile(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    """A create whose answer is lost leaves its rows unknown; they are found by their values afterwards."""
    sandbox.faults.plan = [Fault("close-after", method="create", calls=(3,))]
    (tmp_path / "rows.csv").write_text("name,ref\n" + "".join(f"Lost {row},L{row}\n" for row in range(100)))
    fixed = ("--chunk-size", "20", "--concurrency", "1", "--json")
    ended = await zenoo_fast("import", "rows.csv", "--model", "res.partner", *fixed, server=sandbox)
    assert (ended.code, ended.report["created"], ended.report["unknown"]) == (1, 80, 20)
    assert ended.report["unknown_rows"] == [[40, 60]]
    assert "zenoo-fast reconcile rows.csv.journal" in ended.err
    sandbox.faults.plan = []
    ids = list(csv.reader((await zenoo_fast("ids", "rows.csv.journal")).out.splitlines()))
    assert ids[0] == ["row", "id"]
    assert len(ids) == 81
    found = await zenoo_fast("reconcile", "rows.csv.journal", "--server-limit", "0", "--json", server=sandbox)
    assert found.code == 0, found.err
    told = json.loads(found.out)
    assert (told["doubted"], told["found"], told["unknown"]) == (20, 20, 0)
    assert len((await zenoo_fast("ids", "rows.csv.journal")).out.splitlines()) == 101


async def test_settings_come_from_a_profile_and_options_win(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    profile = tmp_path / "zenoo-fast.toml"
    profile.write_text(
        f'[default]\nurl = "{sandbox.url}"\ndatabase = "nope"\nlogin = "admin"\napi_key = "{sandbox.api_key}"\n'
        f'[other]\nurl = "{sandbox.url}"\ndatabase = "sandbox"\nlogin = "admin"\npassword = "admin"\n'
    )
    profile.chmod(0o600)
    assert (await zenoo_fast("fields", "res.partner", "--json")).code == 3
    assert (await zenoo_fast("fields", "res.partner", "--json", "--database", "sandbox")).code == 0
    assert (await zenoo_fast("fields", "res.partner", "--json", "--profile", "other")).code == 0
    profile.chmod(0o644)
    ended = await zenoo_fast("fields", "res.partner", "--json", "--profile", "other")
    assert (ended.code, "chmod 600" in ended.err) == (0, True)
    profile.write_text('[default]\nurll = "x"\n')
    (await zenoo_fast("fields", "res.partner")).fails(2, "zenoo-fast.toml", "urll")


async def test_secrets_are_never_shown(
    started: Any, finished: Any, zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Neither in what is printed (with --debug, too), nor in files, nor in the list of processes."""
    sandbox.faults.plan = [
        Fault("delay", method="create", seconds=0.05),
        Fault("close-before", method="create", calls=(3,)),
    ]
    (tmp_path / "rows.csv").write_text("name\n" + "".join(f"Secret {row}\n" for row in range(400)))
    command = ("--debug", "import", "rows.csv", "--model", "res.partner", "--workers", "2", "--chunk-size", "40")
    process = await started(*command, "--json", "--report", "run.html", "--progress", "jsonl", server=sandbox)
    command_lines: list[list[str]] = []
    parent = psutil.Process(process.pid)
    while len(command_lines) < 3 and (line := await process.stderr.readline()):
        if b'"progress"' in line:
            command_lines = [one.cmdline() for one in (parent, *parent.children(recursive=True))]
    ended = await finished(process)
    assert len(command_lines) == 3
    key = sandbox.api_key
    assert key not in json.dumps(command_lines)
    assert key not in ended.out + ended.err
    files = [one for one in tmp_path.iterdir() if one.name != "rows.csv"]
    assert {"run.html", "rows.csv.journal"} <= {one.name for one in files}
    for file in files:
        assert key.encode() not in file.read_bytes()
    wrong = await zenoo_fast("--debug", "fields", "res.partner", server=sandbox, env={"ZENOO_FAST_API_KEY": "hushhush"})
    assert wrong.code == 3
    assert "Traceback" in wrong.err
    assert "hushhush" not in wrong.err
