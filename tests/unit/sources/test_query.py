"""Rows of database queries: a real SQLite database, and a PostgreSQL driver that finds no server."""

from __future__ import annotations

import gc
import sqlite3
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from scripted_server import ScriptedServer, run

import zenoo_fast
from zenoo_fast.engine.crew import Control
from zenoo_fast.engine.journal import Journal
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.sources.open import name_of, open_source
from zenoo_fast.sources.query import without_secrets


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop ü.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table customer (number integer primary key, label text, colour integer, note text)")
        rows = [(one, f"customer {one}", one % 12, None if one % 3 else f"n{one}") for one in range(5000)]
        connection.executemany("insert into customer values (?, ?, ?, ?)", rows)
    connection.close()
    return path


def uri(path: Path) -> str:
    return f"sqlite:///{path}"


SELECT = "select label as name, colour as color, note as ref from customer"


async def test_rows_of_a_query_are_imported(shop: Path) -> None:
    server = ScriptedServer()
    report = await run(server, zenoo_fast.sql(uri(shop), f"{SELECT} order by number"), chunk_size=500)
    assert report.created == 5000
    assert server.records[report.ids[0]] == {"name": "customer 0", "color": 0, "ref": "n0"}
    assert server.records[report.ids[4999]] == {"name": "customer 4999", "color": 7}
    gc.collect()  # a cursor or a connection left open would be a warning here


async def test_a_query_takes_parameters_and_a_relative_path(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.parent)
    query = zenoo_fast.sql(f"sqlite:///{shop.name}", f"{SELECT} where number < ?", (3,))
    assert (await run(ScriptedServer(), query)).created == 3
    assert name_of(query) == f"sqlite:///{shop.name}"
    nothing = zenoo_fast.sql(uri(shop), f"{SELECT} where number < 0")
    assert (await run(ScriptedServer(), nothing)).read == 0


async def test_rejects_are_set_aside_as_csv(shop: Path, tmp_path: Path) -> None:
    query = zenoo_fast.sql(uri(shop), "select nullif(label, 'customer 7') as name, colour as color from customer")
    report = await run(ScriptedServer(), query, rejects=tmp_path / "bad.csv", chunk_size=500)
    assert (report.created, report.rejected) == (4999, 1)
    assert (tmp_path / "bad.csv").read_text().splitlines() == [
        "name,color,_row,_field,_code,_message",
        ",7,7,name,required,is required and empty",
    ]


async def test_a_run_that_ends_early_lets_go_of_the_database(shop: Path) -> None:
    report = await run(ScriptedServer(), zenoo_fast.sql(uri(shop), SELECT), limit=10)
    assert report.created == 10
    gc.collect()
    with sqlite3.connect(shop, timeout=0) as connection:
        connection.execute("drop table customer")
    connection.close()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("select nope from customer", "no such column: nope"),
        ("selec", "syntax error"),
        ("delete from customer", "readonly"),
        ("select label from customer", "no field label"),
    ],
)
async def test_a_wrong_query_is_one_line_and_nothing_is_sent(shop: Path, query: str, says: str) -> None:
    server = ScriptedServer()
    with pytest.raises(ConfigurationError, match=says) as caught:
        await run(server, zenoo_fast.sql(uri(shop), query))
    assert "\n" not in caught.value.message
    assert server.writes == []
    with sqlite3.connect(shop) as connection:
        assert connection.execute("select count(*) from customer").fetchone() == (5000,)
    connection.close()


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("sqlite:////nowhere/at/all.db", "No such file"),
        ("shop.db", "given by its URI"),
        ("klingon://host/x", "pip install adbc-driver-klingon"),
    ],
)
async def test_a_database_that_is_not_there(where: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        open_source(zenoo_fast.sql(where, "select 1"))


async def test_without_a_driver_one_line_says_what_to_install(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_sqlite.dbapi", None)
    with pytest.raises(ConfigurationError, match=r"pip install zenoo-fast\[sql\]"):
        open_source(zenoo_fast.sql(uri(shop), "select 1"))


SECRETS = [
    ("postgresql://bob:sesame@127.0.0.1:1/x", "sesame"),
    ("postgresql://bob:ses%40ame@127.0.0.1:1/x", "ses@ame"),
    ("postgresql://bob:ses%ame@127.0.0.1:1/x", "ses%ame"),
    ("postgresql://bob:se@sa/me@127.0.0.1:1/x", "sa/me"),
    ("postgresql://bob@127.0.0.1:1/x?password=sesame", "sesame"),
    ("postgresql://bob@127.0.0.1:1/x?sslmode=disable&sslpassword=sesame", "sesame"),
]


@pytest.mark.parametrize(("secret_uri", "secret"), SECRETS)
async def test_a_secret_is_never_shown(secret_uri: str, secret: str) -> None:
    query = zenoo_fast.sql(secret_uri, "select 1 as name")
    with pytest.raises(ConfigurationError) as caught:
        await run(ScriptedServer(), query)
    with pytest.raises(ConfigurationError, match="say which rows") as bare:
        open_source(secret_uri)
    told = [str(query), repr(query), without_secrets(secret_uri), name_of(query), str(bare.value), repr(caught.value)]
    told += traceback.format_exception(caught.value)
    assert caught.value.__context__ is None
    for text in told:
        assert secret not in text
        assert secret_uri not in text
    assert "127.0.0.1" in str(query)


async def test_a_uri_without_a_secret_is_shown_as_it_is() -> None:
    for plain in ("postgresql://bob@host/x", "postgresql://host:5432/x?sslmode=require", "sqlite:///a.db", "a/b@c:d"):
        assert without_secrets(plain) == plain


async def test_a_query_goes_on_only_when_it_is_said_to_give_the_same_rows(shop: Path, tmp_path: Path) -> None:
    class Empty(ScriptedServer):
        def _answer(self, call: Any) -> Any:
            return [] if call.method == "search" else super()._answer(call)

    server, control = Empty(), Control()
    server.script = lambda number, _call: control.stop("enough") if number == 2 else None
    query = zenoo_fast.sql(uri(shop), f"{SELECT} order by number")
    options: dict[str, Any] = {"journal": tmp_path / "journal", "chunk_size": 500, "concurrency": 1}
    assert 0 < (await run(server, query, control=control, **options)).created < 5000
    server.script = lambda _number, _call: None
    with pytest.raises(ConfigurationError, match="ORDER BY"):
        await run(server, query, resume=True, **options)
    assert (await run(server, query, resume=True, allow_changed_source=True, **options)).created == 5000
    assert sorted(one["name"] for one in server.records.values()) == sorted(f"customer {one}" for one in range(5000))
    journal, state = Journal.resume(tmp_path / "journal")
    journal.abandon()
    assert state.facts.source == uri(shop)
