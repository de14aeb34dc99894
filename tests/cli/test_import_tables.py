"""``zenoo-fast import`` of Parquet files and database queries, as a process, against a sandbox in the test's own."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox

MODEL = ("--model", "res.partner")


def stored(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Partners that an import has made."""
    ids = sandbox.store.search("res.partner", [["name", "=like", "Imported%"]])
    return [record for _, record in sorted(sandbox.store.get("res.partner", ids).items())]


@pytest.mark.parametrize("workers", ["0", "2"])
async def test_a_parquet_file_goes_in_and_its_rejects_after_it(
    zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path, workers: str
) -> None:
    rows = 700
    table = pa.table(
        {
            "name": [f"Imported {row}" for row in range(rows)],
            "color": pa.array([2**40 if row in {7, 300} else row % 11 for row in range(rows)]),
            "country_id": pa.array([1] * rows, pa.int32()),
            "day": pa.array([20_000 + row for row in range(rows)], pa.date32()),
        }
    )
    file = tmp_path / "partners.parquet"
    pq.write_table(table, file)
    options = (*MODEL, "--json", "--workers", workers, "--map", "day=")
    ended = await zenoo_fast("import", file, *options, server=sandbox)
    assert ended.code == 1
    assert (ended.report["created"], ended.report["rejected"]) == (698, 2)
    rejects = tmp_path / "partners.parquet.rejects.csv"
    with rejects.open(newline="") as handle:
        lines = list(csv.DictReader(handle))
    assert [(one["_row"], one["_field"], one["color"], one["country_id/.id"]) for one in lines] == [
        ("7", "color", str(2**40), "1"),
        ("300", "color", str(2**40), "1"),
    ]
    rejects.write_text(rejects.read_text().replace(str(2**40), "3"))
    again = await zenoo_fast("import", rejects, *options, server=sandbox)
    assert (again.code, again.report["created"]) == (0, 2)
    assert len(stored(sandbox)) == rows
    assert not (tmp_path / "partners.parquet.journal").exists()


async def test_the_rows_of_a_query_go_in(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("create table customer (label text, colour)")
        rows = [(f"Imported {one}", "blue" if one == 3 else str(one % 12)) for one in range(100)]
        connection.executemany("insert into customer values (?, ?)", rows)
    connection.close()
    query = ("--query", "select label as name, colour as color from customer")
    ended = await zenoo_fast("import", "sqlite:///shop.db", *query, *MODEL, "--json", server=sandbox)
    assert (ended.code, ended.report["created"], ended.report["rejected"]) == (1, 99, 1)
    assert "Imported 3,blue" in (tmp_path / "query.rejects.csv").read_text()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["query.rejects.csv", "shop.db"]
    assert len(stored(sandbox)) == 99


async def test_what_is_wrong_with_a_database_is_one_line_without_its_secret(zenoo_fast: Any, sandbox: Sandbox) -> None:
    where = "postgresql://bob:sesame@127.0.0.1:1/shop"
    shown = "postgresql://bob:***@127.0.0.1:1/shop"
    ended = await zenoo_fast("import", where, *MODEL, server=sandbox)
    ended.fails(2, shown, "--query")
    ended = await zenoo_fast("import", where, "--query", "select 1 as name", *MODEL, server=sandbox)
    ended.fails(2, shown, "Connection refused")
    ended = await zenoo_fast("import", "sqlite:///nope.db", "--query", "select 1 as name", *MODEL, server=sandbox)
    ended.fails(2, "sqlite:///nope.db", "No such file")


async def test_a_parquet_file_that_is_none_is_one_line(zenoo_fast: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "partners.parquet"
    file.write_text("name\nx\n")
    ended = await zenoo_fast("import", file, *MODEL, server=sandbox)
    ended.fails(2, "partners.parquet", "Parquet")
    pq.write_table(pa.table({"name": ["a"], "color": pa.array([True])}), file)
    ended = await zenoo_fast("import", file, *MODEL, server=sandbox)
    ended.fails(2, "partners.parquet", '"color"', "Boolean")
