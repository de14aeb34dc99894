"""What importing the package gives, what it costs, and which way imports point."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest

import zenoo_fast

ROOT = Path(__file__).parents[2]
HEAVY = {"aiohttp", "uvloop", "pluggy", "rich", "click", "asyncio", "pyarrow"}


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after running some code."""
    show = "import sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{show}"], check=True, capture_output=True, timeout=60)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_every_public_name_is_there() -> None:
    for name in zenoo_fast.__all__:
        assert getattr(zenoo_fast, name) is not None
        assert name in dir(zenoo_fast)
    for name in ("ZenooClient", "import_records", "ImportReport", "BatchManager", "TransactionManager", "ZenooError"):
        assert name in zenoo_fast.__all__
    assert zenoo_fast.ZenooClient.__module__ == "zenoo_fast.client"


def test_type_checkers_see_the_same_names() -> None:
    """The names are looked up lazily: what type checkers read is kept in step by this test only."""
    tree = ast.parse(Path(zenoo_fast.__file__).read_text())
    seen = {
        alias.asname or alias.name
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    } - {"Any"}
    assert seen | {"__version__"} == set(zenoo_fast.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'zenoo_fast' has no attribute 'nope'"):
        _ = zenoo_fast.nope  # type: ignore[attr-defined]


def test_the_version_is_the_distributions() -> None:
    assert zenoo_fast.__version__ == importlib.metadata.version("zenoo-fast")


def test_importing_the_package_is_light() -> None:
    before = loaded_after("pass")
    assert not (loaded_after("import zenoo_fast") - before) & HEAVY


def test_help_is_light() -> None:
    code = "from zenoo_fast.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    assert not loaded_after(code) & {"aiohttp", "uvloop", "rich", "pyarrow"}


def test_an_import_without_arrow_loads_no_pyarrow() -> None:
    assert "pyarrow" not in loaded_after("import zenoo_fast.importing, zenoo_fast.engine.worker, zenoo_fast.batch")


def test_imports_point_one_way() -> None:
    """DESIGN's direction, held by the contracts in pyproject.toml."""
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout
