"""The import command against a real Odoo: what is there afterwards is counted by SQL."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.odoo

COMMAND = str(Path(sys.executable).with_name("zenoo-fast"))
COUNTS = ("created", "updated", "unchanged", "deleted", "rejected", "unknown")
ROWS = 20_000
MISSING_ID = 2_000_000_000


@pytest.fixture
def mark() -> str:
    """Begins every name of the test's own partners."""
    return f"zf-import-{uuid.uuid4().hex[:10]}-"


@pytest.fixture(params=["json2", "jsonrpc"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(odoo: Any, file: Path, *options: str, transport: str = "json2", exits: int = 0) -> dict[str, Any]:
    """``zenoo-fast import`` as a user runs it; its report."""
    secret = {"API_KEY": odoo.api_key} if transport == "json2" else {"PASSWORD": odoo.password}
    settings = {"URL": odoo.url, "DATABASE": odoo.database, "LOGIN": odoo.login, **secret}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZENOO_FAST_")}
    environment |= {f"ZENOO_FAST_{name}": value for name, value in settings.items()}
    arguments = [COMMAND, "import", str(file), "--model", "res.partner", "--transport", transport, "--json", *options]
    done = subprocess.run(
        arguments, env=environment, cwd=file.parent, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == exits, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["adds_up"] is True
    assert report["read"] == sum(report[name] for name in COUNTS)
    assert report["tuning"]["transport"] == transport
    return report


def write(file: Path, header: list[str], rows: list[list[Any]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as handle:
        out = csv.writer(handle)
        out.writerow(header)
        out.writerows(rows)
    return file


def count(odoo: Any, mark: str, condition: str = "true") -> int:
    return int(odoo.sql(f"select count(*) from res_partner where ref like '{mark}%' and {condition}")[0][0])


def rejects(report: dict[str, Any]) -> dict[int, dict[str, str]]:
    with Path(report["rejects_file"]).open(newline="", encoding="utf-8") as handle:
        return {int(line["_row"]): line for line in csv.DictReader(handle)}


BAD = ["no name", "selection", "integer", "many2one"]
"""A row of each in turn."""
EXPECTED = {
    "no name": ("name", "Contacts require a name"),
    "selection": ("type", '"nonsense" is not one of contact'),
    "integer": ("color", '"twelve"'),
    "many2one": ("parent_id", str(MISSING_ID)),
}


def partners(mark: str, bad: dict[int, str]) -> list[list[Any]]:
    rows = []
    for number in range(ROWS):
        wrong = bad.get(number)
        rows.append(
            [
                "" if wrong == "no name" else f"{mark}{number}",
                f"{mark}{number}",
                f"p{number}@example.com",
                "nonsense" if wrong == "selection" else "contact",
                "twelve" if wrong == "integer" else number % 12,
                MISSING_ID if wrong == "many2one" else "",
            ]
        )
    return rows


HEADER = ["name", "ref", "email", "type", "color", "parent_id/.id"]


@pytest.mark.timeout(400)
def test_twenty_bad_rows_of_twenty_thousand_are_set_aside_and_the_rest_is_there(
    odoo: Any, tmp_path: Path, mark: str, transport: str
) -> None:
    bad = {(997 * step + 13) % ROWS: BAD[step % 4] for step in range(20)}
    assert len(bad) == 20
    file = write(tmp_path / "partners.csv", HEADER, partners(mark, bad))
    report = run(odoo, file, transport=transport, exits=1)
    assert (report["read"], report["created"], report["rejected"]) == (ROWS, ROWS - 20, 20)
    assert count(odoo, mark) == ROWS - 20
    there = {
        int(ref.removeprefix(mark)) for (ref,) in odoo.sql(f"select ref from res_partner where ref like '{mark}%'")
    }
    assert there == set(range(ROWS)) - set(bad)

    found = rejects(report)
    assert set(found) == set(bad)
    for row, wrong in bad.items():
        field, says = EXPECTED[wrong]
        assert found[row]["_field"] == field, found[row]
        assert says in found[row]["_message"], found[row]
        assert found[row]["ref"] == f"{mark}{row}"

    # Each id is the one of its own row.
    refs = dict(odoo.sql(f"select id, ref from res_partner where ref like '{mark}%'"))
    for first_row, first_id, length in report["ids"]:
        for offset in range(length):
            assert refs[str(first_id + offset)] == f"{mark}{first_row + offset}"
    assert sum(length for _, _, length in report["ids"]) == ROWS - 20

    # Mended, the reject file goes in as it is.
    mended = [
        [f"{mark}{row}", line["ref"], line["email"], "contact", 1, "", *(line[name] for name in line if name[0] == "_")]
        for row, line in found.items()
    ]
    again = write(tmp_path / "mended.csv", list(next(iter(found.values()))), mended)
    report = run(odoo, again, transport=transport)
    assert report["created"] == 20
    assert count(odoo, mark) == ROWS


def test_upsert_tells_new_records_from_those_that_were_there(
    odoo: Any, tmp_path: Path, mark: str, transport: str
) -> None:
    module = mark.replace("-", "_").strip("_")

    def rows(numbers: range, city: str) -> list[list[Any]]:
        return [[f"{module}.p{number}", f"{mark}{number}", f"{mark}{number}", city] for number in numbers]

    header = ["id", "name", "ref", "city"]
    first = run(
        odoo, write(tmp_path / "a.csv", header, rows(range(60), "Ghent")), "--mode", "upsert", transport=transport
    )
    assert (first["created"], first["updated"]) == (60, 0)
    lines = rows(range(40, 100), "Bruges")
    lines[7][1] = ""
    second = run(
        odoo, write(tmp_path / "b.csv", header, lines), "--mode", "upsert", "--chunk-size", "25",
        transport=transport, exits=1,
    )  # fmt: skip
    assert (second["created"], second["updated"], second["rejected"]) == (40, 19, 1)
    (reject,) = rejects(second).values()
    assert (reject["_row"], reject["_field"]) == ("7", "name")
    assert "Contacts require a name" in reject["_message"]
    assert count(odoo, mark) == 100
    assert count(odoo, mark, "city = 'Bruges'") == 59
    names = odoo.sql(f"select count(*) from ir_model_data where module = '{module}' and model = 'res.partner'")
    assert names == [("100",)]


@pytest.mark.parametrize("key", [[], ["--key", "ref"]], ids=["by row", "by key"])
def test_an_idempotent_import_is_harmless_twice(odoo: Any, tmp_path: Path, mark: str, key: list[str]) -> None:
    lines = [[f"{mark}{number}", f"{mark}{number}", "Ghent"] for number in range(50)]
    file = write(tmp_path / "partners.csv", ["name", "ref", "city"], lines)
    first = run(odoo, file, "--idempotent", *key)
    assert (first["created"], first["unchanged"]) == (50, 0)
    assert count(odoo, mark) == 50
    if not key:
        return  # another run has another id, and with it other external ids: only --resume repeats this one
    odoo.sql(f"update res_partner set city = 'Bruges' where ref = '{mark}3'")
    file = write(file, ["name", "ref", "city"], [*lines, [f"{mark}50", f"{mark}50", "Ghent"]])
    second = run(odoo, file, "--idempotent", *key)
    assert (second["created"], second["unchanged"], second["updated"]) == (1, 50, 0)
    assert count(odoo, mark) == 51
    assert count(odoo, mark, "city = 'Bruges'") == 1


def test_tracking_is_off_unless_it_is_asked_for(odoo: Any, tmp_path: Path, mark: str) -> None:
    def messages(prefix: str) -> int:
        query = (
            "select count(*) from mail_message m join res_partner p on p.id = m.res_id "
            f"where m.model = 'res.partner' and p.ref like '{prefix}%'"
        )
        return int(odoo.sql(query)[0][0])

    for prefix, options in ((f"{mark}off-", []), (f"{mark}on-", ["--keep-tracking"])):
        lines = [[f"{prefix}{number}", f"{prefix}{number}"] for number in range(10)]
        report = run(odoo, write(tmp_path / f"{prefix}.csv", ["name", "ref"], lines), *options)
        assert report["created"] == 10
    assert messages(f"{mark}off-") == 0
    assert messages(f"{mark}on-") == 10


def test_a_dry_run_sends_nothing(odoo: Any, tmp_path: Path, mark: str) -> None:
    lines = [[f"{mark}0", f"{mark}0", "1"], [f"{mark}1", f"{mark}1", "many"]]
    file = write(tmp_path / "partners.csv", ["name", "ref", "color"], lines)
    settings = {"URL": odoo.url, "DATABASE": odoo.database, "LOGIN": odoo.login, "API_KEY": odoo.api_key}
    environment = {**os.environ, **{f"ZENOO_FAST_{name}": value for name, value in settings.items()}}
    arguments = [COMMAND, "import", str(file), "--model", "res.partner", "--dry-run", "--json"]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert (report["read"], report["rejected"], report["created"]) == (2, 1, 0)
    assert count(odoo, mark) == 0
