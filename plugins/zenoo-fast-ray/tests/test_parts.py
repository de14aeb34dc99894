"""Rows, logins and reports on their own, and that nothing of Ray is loaded where it is not asked for."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from zenoo_fast._core import IdMap, RowSet
from zenoo_fast.engine.outcome import Reject
from zenoo_fast.engine.rejects import RejectFile
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.exceptions import AuthenticationError, ConfigurationError
from zenoo_fast.sandbox import SandboxProcess
from zenoo_fast_ray import Login, OdooDatasink, Secret
from zenoo_fast_ray.merge import merged, write_rejects
from zenoo_fast_ray.result import BlockResult
from zenoo_fast_ray.rows import digest_of, source_of, tables_of

ROWS: list[dict[str, Any]] = [
    {"name": f"n{number}", "color": number, "active": number % 3 > 0, "comment": None if number % 7 else "x"}
    for number in range(150_000)
]


def test_a_digest_is_of_the_rows_and_not_of_their_layout() -> None:
    table = pa.Table.from_pylist(ROWS)
    again = [
        pa.Table.from_pylist(ROWS),
        pa.concat_tables([table.slice(0, 70_001), table.slice(70_001)]),
        pa.concat_tables([pa.Table.from_pylist(ROWS[:3]), table]).slice(3),
        pickle.loads(pickle.dumps(table)),
    ]
    assert {digest_of([one]) for one in again} == {digest_of([table])}
    changed = [dict(one) for one in ROWS]
    changed[149_999]["color"] = 5
    others = [table.slice(0, 149_999), pa.Table.from_pylist(changed), table.rename_columns(["name", "b", "c", "d"])]
    assert len({digest_of([one]) for one in [table, *others]}) == 4


def test_blocks_of_any_kind_become_records() -> None:
    rows = ROWS[:10_000]
    table = pa.Table.from_pylist(rows)
    frame = pd.DataFrame({"name": ["a", "b"], "color": [1, 2]})
    tables = tables_of([table, pd.DataFrame(), frame])
    assert [one.num_rows for one in tables] == [10_000, 2]
    found = source_of(tables[:1])
    records = found.to_pylist() if isinstance(found, pa.Table) else list(found)
    assert records == rows


def test_a_login_travels_and_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    login = Login("http://odoo", "db", "admin", api_key=Secret("hush"))
    again = pickle.loads(pickle.dumps(login))
    assert again.api_key.reveal() == "hush"
    assert "hush" not in repr(login)
    assert "hush" not in repr(OdooDatasink(login, "res.partner"))
    with pytest.raises(ConfigurationError, match=r"api_key=Secret\(text\)") as caught:
        Login("http://odoo", "db", "admin", api_key="hush")  # type: ignore[arg-type]
    assert "hush" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="one secret"):
        Login("http://odoo", "db", "admin", api_key=Secret("hush"), password_variable="ODOO_PASSWORD")


async def test_a_login_reads_its_variable_where_it_connects(
    odoo_sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = odoo_sandbox
    monkeypatch.delenv("ZENOO_FAST_API_KEY", raising=False)
    login = Login(server.url, server.database, server.login)
    with pytest.raises(ConfigurationError, match="ZENOO_FAST_API_KEY is not set in the tasks"):
        await login.connect()
    monkeypatch.setenv("ZENOO_FAST_API_KEY", server.api_key)
    monkeypatch.setenv("ODOO_PASSWORD", server.password)
    by_password = Login(server.url, server.database, server.login, password_variable="ODOO_PASSWORD")
    for one in (login, by_password, Login(server.url, server.database, server.login, password=Secret("admin"))):
        async with await one.connect() as client:
            assert client.is_authenticated
    with pytest.raises(AuthenticationError):
        await Login(server.url, server.database, server.login, api_key=Secret("wrong")).connect()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "merge"}, "mode is one of"),
        ({"key": ["ref"]}, "say idempotent, too"),
        ({"concurrency": 0}, "concurrency is a number"),
        ({"limiter": "odoo", "concurrency": 3}, "has its own concurrency"),
        ({"run_id": "../x"}, "run_id is up to 64"),
    ],
)
def test_wrong_arguments_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        OdooDatasink(Login("http://odoo", "db", "admin"), "res.partner", **options)


def test_blocks_are_added_up_in_their_order() -> None:
    ids = IdMap()
    ids.put([0, 1, 3], [11, 12, 14])
    first = BlockResult(
        0, 4, read=4, created=3, rejected=1, ids=ids.to_bytes(), rejects=[Reject(2, "name", "required", "is empty")]
    )
    second = BlockResult(
        1, 5, read=2, unknown=2, unknown_rows=RowSet([(0, 2)]).to_bytes(), unknown_reason="lost", not_read=True,
        stopped="wrong key", attempts=2,
    )  # fmt: skip
    third = BlockResult(2, 1, read=1, created=1, rejected=0, ids=ids.to_bytes()[:0] or IdMap().to_bytes(), requests=3)
    report = merged(ImportReport("run", "res.partner", "create"), [third, second, first])
    assert (report.read, report.created, report.rejected, report.unknown) == (7, 4, 1, 2)
    assert report.adds_up
    assert dict(report.ids) == {0: 11, 1: 12, 3: 14}
    assert report.unknown_rows.ranges() == [(4, 6)]
    assert [one.row for one in report.rejects] == [2]
    assert (report.unknown_reason, report.stopped, report.not_read, report.requests) == ("lost", "wrong key", True, 3)
    assert (report.tuning["blocks"], report.tuning["attempts"]) == (3, 4)


def test_reject_files_become_one(tmp_path: Path) -> None:
    file = RejectFile(tmp_path / "rejects.jsonl", None)
    lines = b'{"name": "", "ref": "r1", "_row": 3, "_field": "name", "_code": "required", "_message": "is empty"}\n'
    write_rejects(file, lines, 100)
    image = "A" * 200_000
    part = f'name,ref,_row,_field,_code,_message\n"a\r\nb",{image},0,,server,no\n'
    write_rejects(file, part.encode(), 200)
    file.close()
    assert [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text().splitlines()] == [
        {"name": "", "ref": "r1", "_row": 103, "_field": "name", "_code": "required", "_message": "is empty"},
        {"name": "a\r\nb", "ref": image, "_row": 200, "_field": "", "_code": "server", "_message": "no"},
    ]


def test_zenoo_fast_alone_never_loads_ray() -> None:
    program = (
        "import importlib, pkgutil, sys, zenoo_fast\n"
        "for one in pkgutil.walk_packages(zenoo_fast.__path__, 'zenoo_fast.'):\n"
        "    if not one.name.endswith('__main__'): importlib.import_module(one.name)\n"
        "from zenoo_fast.plugins.manager import installed\n"
        "installed().load()\n"
        "assert 'ray' not in sys.modules and 'zenoo_fast_ray' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
