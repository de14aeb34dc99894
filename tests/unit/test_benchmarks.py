"""Every benchmark is run by `make bench` or `make bench-peers`, and tried by `make bench-smoke`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = {one.stem for one in (ROOT / "benchmarks").glob("*.py") if "\ndef main(" in one.read_text(encoding="utf-8")}
WITH_ODOO = {"batch_vs_ancestor"}


def recipe(target: str) -> str:
    """What make would do."""
    if shutil.which("make") is None:
        pytest.skip("there is no make here")
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def words(text: str) -> set[str]:
    return set(text.replace(";", " ").split())


def test_every_benchmark_is_run() -> None:
    bench, peers, smoke = recipe("bench"), recipe("bench-peers"), recipe("bench-smoke")
    assert {"client_cpu", "journal", "plugin_overhead"} <= PROGRAMS
    for name in PROGRAMS:
        runs = f"benchmarks.{name}" in peers if name in WITH_ODOO else name in words(bench)
        assert runs, f"no target runs {name}"
        assert name in words(smoke), f"bench-smoke does not try {name}"
    assert "pytest benchmarks --benchmark-only" in bench
    assert "pytest benchmarks" in smoke
    assert "benchmarks.peers" in peers
