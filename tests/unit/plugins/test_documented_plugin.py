"""The plugin of the page "Write a plugin", written from the page alone, installed with pip, used by name."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import zenoo_fast.plugins.hookspecs

if TYPE_CHECKING:
    from zenoo_fast.sandbox import SandboxProcess

PAGE = Path(__file__).parents[3] / "docs" / "write-a-plugin.md"
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
ZENOO_FAST = str(Path(sys.executable).parent / "zenoo-fast")
CARDS = """BEGIN:VCARD
FN:Ada {n}
EMAIL;TYPE=home:ada{n}@example.com
TEL:{phone}
END:VCARD
"""


def blocks() -> dict[str, str]:
    return dict(BLOCK.findall(PAGE.read_text()))


def signatures(source: str) -> dict[str, str]:
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return {one.name: f"({ast.unparse(one.args)}) -> {ast.unparse(one.returns or one)}" for one in functions}


def test_the_page_has_every_hook_with_its_signature() -> None:
    specified = signatures(Path(zenoo_fast.plugins.hookspecs.__file__).read_text())
    assert len(specified) == 7
    assert signatures(blocks()["hooks"]) == specified


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files, and the distribution made of them, installed into a folder of its own."""
    home = tmp_path_factory.mktemp("zenoo-fast-contacts")
    for name, text in blocks().items():
        if name != "hooks":
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    assert len(list(home.rglob("*.*"))) == 5
    site = home / "site"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        site,
        home,
    ]
    subprocess.run(command, check=True, timeout=120)
    return home


def run(home: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ZENOO_FAST_")}
    environment = {**inherited, "PYTHONPATH": str(home / "site"), **more}
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=100)


def test_it_is_listed(installed: Path) -> None:
    done = run(installed, ZENOO_FAST, "plugins", ZENOO_FAST_PLUGINS="contacts")
    assert done.returncode == 0, done.stderr
    shown = PAGE.read_text().partition("$ zenoo-fast plugins\n")[2].partition("$ pytest")[0]
    contacts = shown[shown.index("contacts (") :]
    assert contacts in done.stdout


def test_its_own_tests_pass(installed: Path) -> None:
    done = run(
        installed, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(installed), "tests"
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("workers", [0, 2])
def test_it_works_on_the_command_line(installed: Path, odoo_like: SandboxProcess, workers: int) -> None:
    (installed / "friends.vcf").write_text(
        "".join(CARDS.format(n=number, phone="12 345" if number % 2 else "+49") for number in range(50))
    )
    done = run(
        installed,
        *(ZENOO_FAST, "import", "friends.vcf", "--model", "res.partner", "--transport", "gateway"),
        *("--validator", "postcode=field=phone,digits=5", "--progress", "heartbeat=path=beats", "--json", "--quiet"),
        *("--workers", str(workers)),
        ZENOO_FAST_URL=odoo_like.url,
        ZENOO_FAST_DATABASE=odoo_like.database,
        ZENOO_FAST_LOGIN=odoo_like.login,
        ZENOO_FAST_PASSWORD=odoo_like.password,
    )
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert (report["read"], report["rejected"], report["created"]) == (50, 25, 25)
    assert (installed / "beats").read_text() == "50 of 50\n"


PROGRAM = """
import asyncio, json, sys
from zenoo_fast.client import ZenooClient
from zenoo_fast.importing import import_records
from zenoo_fast.plugins import ValidatorSpec

async def main(url, database, login, password, workers):
    async with ZenooClient(url, transport="gateway") as client:
        await client.login(database, login, password)
        rows = [{"name": f"n {number}", "zip": "10 115" if number % 2 else "1011"} for number in range(100)]
        report = await import_records(
            client, "res.partner", rows, workers=int(workers), progress=["heartbeat"],
            validators=[ValidatorSpec("postcode", {"digits": 5})],
        )
        ids = [record for _, record in report.ids]
        zips = await client.read("res.partner", ids, ["zip"])
        found = sorted({one["zip"] for one in zips})
        print(json.dumps([report.read, report.created, report.rejected, report.adds_up, found]))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_it_works_from_python(installed: Path, odoo_like: SandboxProcess, workers: int) -> None:
    where = (odoo_like.url, odoo_like.database, odoo_like.login, odoo_like.password)
    done = run(installed, sys.executable, "-c", PROGRAM, *where, str(workers))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [100, 50, 50, True, ["10115"]]


@pytest.fixture
def odoo_like(sandbox_process: SandboxProcess) -> SandboxProcess:
    return sandbox_process
