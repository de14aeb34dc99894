"""File names from options are used as they are, and nothing is written anywhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox

NAMES = ("$(touch owned) `touch owned`; 'q\"", "~", "%s {row} *?", "naïve 漢字", "-rf", "a\nb")
CONTENT = "name,color\nGood,1\nBad,red\n../../outside,2\n"


def files(folder: Path) -> set[str]:
    return {str(one.relative_to(folder)) for one in folder.rglob("*") if not one.is_dir()}


@pytest.mark.parametrize("name", NAMES)
async def test_names_are_taken_literally(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    home, here, there = tmp_path / "home", tmp_path / "here", tmp_path / "there"
    for folder in (home, here, there):
        folder.mkdir()
    source = there / f"{name}.csv"
    source.write_text(CONTENT)
    places = {one: there / f"{name}.{one}" for one in ("rejects", "journal", "report")}
    options = [part for one, path in places.items() for part in (f"--{one}", path)]
    env = {"HOME": str(home), "TMPDIR": str(home)}
    command = ("import", "--model", "res.partner", "--json", "--quiet", *options, "--", source)
    ended = await zenoo_fast(*command, server=sandbox, env=env, cwd=here)
    assert ended.code == 1, ended.err
    assert (ended.report["created"], ended.report["rejected"]) == (2, 1)
    assert ended.report["rejects_file"] == str(places["rejects"])
    out = there / f"{name}.ids"
    ids = await zenoo_fast("ids", "--out", out, "--", places["journal"], env=env, cwd=here)
    assert ids.code == 0, ids.err
    assert out.read_text().startswith("row,id\n0,")
    assert files(there) == {path.name for path in (source, out, *places.values())}
    assert files(here) == files(home) == set()


async def test_a_name_within_the_folder_may_begin_with_anything(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "-rows.csv").write_text(CONTENT)
    ended = await zenoo_fast("import", "--model", "res.partner", "--json", "--", "-rows.csv", server=sandbox)
    assert ended.report["created"] == 2
    assert files(tmp_path) == {"-rows.csv", "-rows.rejects.csv"}


async def test_nothing_is_written_over(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    """An input, a reject file, a journal or ids of others stay as they are."""
    (tmp_path / "rows.csv").write_text(CONTENT)
    for name in ("taken.csv", "taken.journal", "taken.ids"):
        (tmp_path / name).write_text("mine")
    fixed = ("import", "rows.csv", "--model", "res.partner", "--json", "--quiet")
    (await zenoo_fast(*fixed, "--journal", "taken.journal", server=sandbox)).fails(
        2, "taken.journal", "a journal already"
    )
    for option in ("--report", "--rejects", "--journal"):
        (await zenoo_fast(*fixed, option, "rows.csv", server=sandbox)).fails(2, "rows.csv", "FILE", option)
    (await zenoo_fast(*fixed, "--report", "x", "--rejects", "./x", server=sandbox)).fails(2, "--rejects", "--report")
    assert sandbox.store.search("res.partner", [("name", "=", "Good")]) == []
    ended = await zenoo_fast(*fixed, "--rejects", "taken.csv", "--journal", "kept.journal", server=sandbox)
    assert ended.report["rejects_file"] == "taken.2.csv"
    (await zenoo_fast("ids", "kept.journal", "--out", "taken.ids")).fails(2, "taken.ids", "exists")
    assert all((tmp_path / name).read_text() == "mine" for name in ("taken.csv", "taken.journal", "taken.ids"))
    assert (tmp_path / "rows.csv").read_text() == CONTENT


@pytest.mark.parametrize("option", ["--rejects", "--journal", "--report"])
async def test_a_folder_that_is_not_there_is_told_before_anything_is_sent(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path, option: str
) -> None:
    (tmp_path / "rows.csv").write_text(CONTENT)
    ended = await zenoo_fast("import", "rows.csv", "--model", "res.partner", option, "no/where", server=sandbox)
    ended.fails(2, "no/where")
    assert sandbox.store.search("res.partner", [("name", "=", "Good")]) == []
    assert files(tmp_path) == {"rows.csv"}


async def test_what_a_server_says_names_no_file(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    """Paths in what is read and answered are text."""
    from zenoo_fast.sandbox import Fault

    here = tmp_path / "here"
    here.mkdir()
    (here / "rows.csv").write_text("name\n../x\n")
    sandbox.faults.plan.append(Fault("error", method="create", name="../../owned", message="/etc/../owned\n\0"))
    ended = await zenoo_fast("import", "rows.csv", "--model", "res.partner", "--json", server=sandbox, cwd=here)
    assert json.loads(ended.out)["rejected"] == 1
    assert files(tmp_path) == {"here/rows.csv", "here/rows.rejects.csv"}
