"""The typed example program also runs."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox


PROGRAM = Path(__file__).with_name("program.py")
PUBLIC = [
    "zenoo_fast",
    "zenoo_fast.batch",
    "zenoo_fast.batch.context",
    "zenoo_fast.batch.manager",
    "zenoo_fast.exceptions",
    "zenoo_fast.transaction",
    "zenoo_fast.transaction.manager",
]


def public_names(module: str) -> set[str]:
    found = importlib.import_module(module)
    here = (name for name, value in vars(found).items() if getattr(value, "__module__", "") == module)
    return set(getattr(found, "__all__", None) or (name for name in here if not name.startswith("_")))


@pytest.mark.parametrize("module", PUBLIC)
def test_the_program_uses_every_public_name(module: str) -> None:
    nodes = list(ast.walk(ast.parse(PROGRAM.read_text())))
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    used |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert public_names(module) - used == set()


async def test_the_program_runs(sandbox: Sandbox) -> None:
    spec = importlib.util.spec_from_file_location("typed_program", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    await program.main(sandbox.url, sandbox.database, sandbox.login, sandbox.password)
