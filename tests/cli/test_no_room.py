"""No room for the journal or the reject file, too few open files: the run ends or goes on as documented."""

from __future__ import annotations

import asyncio
import csv
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox

ROWS = 6_000
FIXED = ("--model", "res.partner", "--json", "--quiet", "--chunk-size", "50")


def write(path: Path, bad: int = 0, size: int = 150) -> Path:
    """A file whose every `bad`-th row cannot go in, with so many characters of comment."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["name", "ref", "color", "comment"])
        for row in range(ROWS):
            out.writerow([f"room {row}", f"room-{row}", "red" if bad and row % bad == 1 else row % 11, "x" * size])
    return path


def refs(sandbox: Sandbox) -> list[int]:
    ids = sandbox.store.search("res.partner", [["ref", "like", "room-%"]])
    return sorted(int(one["ref"].partition("-")[2]) for one in sandbox.store.get("res.partner", ids).values())


def rejected(path: Path) -> list[int]:
    with path.open(newline="") as file:
        return [int(one["_row"]) for one in csv.DictReader(file)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 256 KB."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def goes_on(zenoo_fast: Any, sandbox: Sandbox, command: tuple[Any, ...], bad: set[int], rejects: Path) -> None:
    """With room again, --resume brings every row to its end, once."""
    ended = await zenoo_fast(*command, "--resume", server=sandbox)
    assert ended.code == (1 if bad else 0), ended.err
    report = ended.report
    assert (report["read"], report["rejected"], report["unknown"]) == (ROWS, len(bad), 0)
    assert report["created"] + report["unchanged"] == ROWS - len(bad)
    assert report["resumed"] > 0
    assert refs(sandbox) == [row for row in range(ROWS) if row not in bad]
    if bad:
        assert rejected(rejects) == sorted(bad)


async def test_a_journal_without_room(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    command = ("import", write(tmp_path / "rows.csv"), *FIXED, "--idempotent")
    ended = await zenoo_fast(*command, server=sandbox, limits={resource.RLIMIT_FSIZE: 40_000})
    assert ended.code == 1, ended.err
    assert "rows.csv.journal: the journal cannot be written" in ended.report["stopped"]
    assert ended.report["not_read"]
    assert 0 < ended.report["created"] == len(refs(sandbox)) < ROWS
    assert "Traceback" not in ended.err
    await goes_on(zenoo_fast, sandbox, command, set(), tmp_path / "rows.rejects.csv")


async def test_a_plain_create_of_which_the_journal_could_not_note_the_end(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Its rows in flight are unknown to the next attempt, which sends none of them again; reconcile finds them."""
    command = ("import", write(tmp_path / "rows.csv"), *FIXED)
    ended = await zenoo_fast(*command, server=sandbox, limits={resource.RLIMIT_FSIZE: 40_000})
    assert "rows.csv.journal: the journal cannot be written" in ended.report["stopped"]
    ended = await zenoo_fast(*command, "--resume", server=sandbox)
    report = ended.report
    assert (report["created"] + report["unknown"], ended.code) == (ROWS, int(report["unknown"] > 0))
    unknown = {row for start, stop in report["unknown_rows"] for row in range(start, stop)}
    found = refs(sandbox)
    assert len(found) == len(set(found)), "no row twice"
    assert set(range(ROWS)) - set(found) <= unknown, "no row is missing without a word"
    if report["unknown"]:
        settled = await zenoo_fast("reconcile", tmp_path / "rows.csv.journal", "--server-limit", "0", server=sandbox)
        assert settled.code == 0, settled.err
        await goes_on(zenoo_fast, sandbox, command, set(), tmp_path / "rows.rejects.csv")


async def test_a_reject_file_without_room(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    command = ("import", write(tmp_path / "rows.csv", 3, 2_000), *FIXED, "--rejects", tmp_path / "bad.csv")
    ended = await zenoo_fast(*command, server=sandbox, limits={resource.RLIMIT_FSIZE: 300_000})
    assert ended.code == 1, ended.err
    assert "bad.csv cannot be written: File too large" in ended.report["stopped"]
    assert 0 < ended.report["created"] == len(refs(sandbox)) < ROWS
    assert "Traceback" not in ended.err
    await goes_on(zenoo_fast, sandbox, command, {row for row in range(ROWS) if row % 3 == 1}, tmp_path / "bad.csv")


@pytest.mark.parametrize("what", ["journal", "rejects"])
async def test_a_full_disk(zenoo_fast: Any, sandbox: Sandbox, small_disk: Path, tmp_path: Path, what: str) -> None:
    bad = 3 if what == "rejects" else 0
    place = {"journal": tmp_path / "j", "rejects": tmp_path / "bad.csv"} | {what: small_disk / "full"}
    options = ("--journal", place["journal"], "--rejects", place["rejects"], "--idempotent")
    command = ("import", write(tmp_path / "rows.csv", bad), *FIXED, *options)
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (180 << 10))
    ended = await zenoo_fast(*command, server=sandbox)
    assert ended.code == 1, ended.err
    assert f"{place[what]}" in ended.report["stopped"]
    reasons = ("disk is full", "disk I/O error", "No space left on device")
    assert any(one in ended.report["stopped"] for one in reasons), ended.report["stopped"]
    assert 0 < ended.report["created"] == len(refs(sandbox)) < ROWS
    filler.unlink()
    await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,size=8m", small_disk], check=True)
    expected = {row for row in range(ROWS) if bad and row % bad == 1}
    await goes_on(zenoo_fast, sandbox, command, expected, place["rejects"])


@pytest.mark.parametrize("workers", ["0", "2"])
async def test_too_few_open_files_only_slow_the_run_down(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path, workers: str
) -> None:
    """Thirty-two calls at once, and room for a few connections: those that cannot be opened are tried again."""
    source = write(tmp_path / "rows.csv")
    command = ("import", source, *FIXED, "--concurrency", "32", "--workers", workers)
    ended = await zenoo_fast(*command, server=sandbox, limits={resource.RLIMIT_NOFILE: 20})
    assert ended.code == 0, ended.err
    assert ended.report["retries"] > 0, "the limit was not met: the test shows nothing"
    assert (ended.report["created"], ended.report["unknown"]) == (ROWS, 0)
    assert refs(sandbox) == list(range(ROWS))


async def test_hardly_any_open_file_is_told_in_one_line(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    source = write(tmp_path / "rows.csv")
    ended = await zenoo_fast("import", source, *FIXED, server=sandbox, limits={resource.RLIMIT_NOFILE: 6})
    assert ended.code in {2, 3}, ended.err
    assert "Too many open files" in ended.err.splitlines()[-1]
    assert refs(sandbox) == []
