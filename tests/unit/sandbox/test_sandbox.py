"""The sandbox over both protocols, in plain HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from zenoo_fast.sandbox import Fault, Faults, Sandbox


async def call(server: Any, method: str, *, model: str = "res.partner", key: str = "", **named: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"bearer {key or server.api_key}", "X-Odoo-Database": server.database}
    url = f"{server.url}/json/2/{model}/{method}"
    async with aiohttp.ClientSession() as session, session.post(url, json=named, headers=headers) as answer:
        return answer.status, await answer.json()


async def rpc(server: Any, service: str, method: str, *args: Any) -> Any:
    body = {"jsonrpc": "2.0", "id": 1, "method": "call", "params": {"service": service, "method": method, "args": args}}
    async with aiohttp.ClientSession() as session, session.post(f"{server.url}/jsonrpc", json=body) as answer:
        return await answer.json()


async def test_records_live_their_life(sandbox: Sandbox) -> None:
    status, ids = await call(sandbox, "create", vals_list=[{"name": "A", "country_id": 1}, {"name": "B"}])
    assert (status, len(ids)) == (200, 2)
    assert await call(sandbox, "write", ids=ids[:1], vals={"email": "a@x"}) == (200, True)
    rows = (await call(sandbox, "read", ids=ids, fields=["name", "email", "country_id"]))[1]
    assert [row["email"] for row in rows] == ["a@x", False]
    assert rows[0]["country_id"][0] == 1
    assert (await call(sandbox, "search", domain=["|", ["email", "=", "a@x"], ["name", "ilike", "b"]]))[1][:1] == ids[
        :1
    ]
    assert await call(sandbox, "search_count", domain=[["id", "in", ids]]) == (200, 2)
    assert await call(sandbox, "unlink", ids=ids) == (200, True)
    assert await call(sandbox, "read", ids=ids, fields=["name"]) == (200, [])


async def test_a_bad_record_undoes_the_call(sandbox: Sandbox) -> None:
    before = await call(sandbox, "search_count", domain=[])
    status, error = await call(sandbox, "create", vals_list=[{"name": "A"}, {"email": "x"}])
    assert (status, error["name"]) == (422, "odoo.exceptions.ValidationError")
    assert error["message"] == "The operation cannot be completed: Contacts require a name"
    assert await call(sandbox, "search_count", domain=[]) == before


async def test_load_is_all_or_nothing_and_updates_by_external_id(sandbox: Sandbox) -> None:
    named = {"fields": ["id", "name", "country_id/id"]}
    good = (await call(sandbox, "load", **named, data=[["one", "One", "base.be"], ["two", "Two", ""]]))[1]
    assert len(good["ids"]) == 2
    again = (await call(sandbox, "load", **named, data=[["one", "New", "base.be"]]))[1]
    assert again["ids"] == good["ids"][:1]
    bad = (await call(sandbox, "load", **named, data=[["six", "Six", ""], ["one", "X", "base.nowhere"]]))[1]
    assert bad["ids"] is False
    assert [message["record"] for message in bad["messages"]] == [1]
    assert (await call(sandbox, "read", ids=good["ids"], fields=["name"]))[1][0]["name"] == "New"
    keep = {"mode": "update", "noupdate": True}
    kept = (await call(sandbox, "load", **named, data=[["five", "Five", ""]], context=keep))[1]
    again = (await call(sandbox, "load", **named, data=[["five", "Other", ""], ["one", "One", ""]], context=keep))[1]
    assert again["ids"] == [*kept["ids"], good["ids"][0]]
    names = [one["name"] for one in (await call(sandbox, "read", ids=again["ids"], fields=["name"]))[1]]
    assert names == ["Five", "One"], "kept is what was made so, as in Odoo"


async def test_load_stops_after_ten_errors(sandbox: Sandbox) -> None:
    answer = (await call(sandbox, "load", fields=["name", "color"], data=[["n", "x"]] * 30))[1]
    assert len([message for message in answer["messages"] if message["type"] == "error"]) == 10


async def test_jsonrpc_logs_in_and_calls(sandbox: Sandbox) -> None:
    assert (await rpc(sandbox, "common", "login", "sandbox", "admin", "bad"))["result"] is False
    assert (await rpc(sandbox, "common", "login", "sandbox", "admin", "admin"))["result"] == 2
    args = ("sandbox", 2, "admin", "res.partner")
    assert isinstance((await rpc(sandbox, "object", "execute_kw", *args, "create", [{"name": "A"}]))["result"], int)
    error = (await rpc(sandbox, "object", "execute_kw", *args, "write", [[999], {"name": "x"}]))["error"]
    assert error["data"]["name"] == "odoo.exceptions.MissingError"


@pytest.mark.parametrize(
    ("values", "name", "status"),
    [
        ({"name": "a", "nope": 1}, "builtins.ValueError", 500),
        ({"name": "a", "type": "zz"}, "builtins.ValueError", 500),
        ({"name": "a", "partner_latitude": "abc"}, "builtins.ValueError", 500),
        ({"name": "a\0"}, "builtins.ValueError", 500),
        ({"name": "a", "country_id": "abc"}, "psycopg2.errors.InvalidTextRepresentation", 500),
        ({"name": "a", "country_id": 99999}, "odoo.exceptions.ValidationError", 422),
    ],
)
async def test_refusals(sandbox: Sandbox, values: dict[str, Any], name: str, status: int) -> None:
    answered, error = await call(sandbox, "create", vals_list=[values])
    assert (answered, error["name"]) == (status, name)


async def test_wrong_key(sandbox: Sandbox) -> None:
    assert (await call(sandbox, "search", key="bad", domain=[]))[0] == 401


async def test_an_answer_can_be_lost_after_the_commit() -> None:
    faults = Faults([Fault("close-after", calls=(1,), method="create")])
    async with Sandbox(faults=faults) as server:
        with pytest.raises(aiohttp.ClientError):
            await call(server, "create", vals_list=[{"name": "Lost"}])
        assert await call(server, "search_count", domain=[["name", "=", "Lost"]]) == (200, 1)
        assert faults.made == [(1, "create", "close-after")]


async def test_refused_by_name_once() -> None:
    async with Sandbox(faults=Faults([Fault("error", calls=(1,))])) as server:
        assert (await call(server, "search", domain=[]))[1]["name"] == "psycopg2.errors.SerializationFailure"
        assert (await call(server, "search", domain=[]))[0] == 200


async def test_tells_how_many_calls_there_were_at_once() -> None:
    async with Sandbox(faults=Faults([Fault("delay", seconds=0.2)])) as server, aiohttp.ClientSession() as session:

        async def counts() -> Any:
            async with session.get(f"{server.url}/sandbox/calls") as answer:
                return await answer.json()

        await asyncio.gather(*(call(server, "search", domain=[]) for _ in range(3)))
        assert await counts() == {"calls": 3, "in_flight": 0, "most_in_flight": 3}
        await call(server, "search", domain=[])
        assert await counts() == {"calls": 4, "in_flight": 0, "most_in_flight": 1}


async def test_discard_answers_an_id_a_record() -> None:
    async with Sandbox(discard=True) as server:
        ids = (
            await call(server, "create", vals_list=[{"name": str(i)} for i in range(50)], context={"lang": "en_US"})
        )[1]
        assert len(set(ids)) == 50
        odd = (await call(server, "create", vals_list=[{"name": "a}]{"}, {"name": "}],["}, {"name": '"vals_list"'}]))[1]
        assert len(odd) == 3
        loaded = (await call(server, "load", fields=["id", "name"], data=[["a", "b"], ["c", "d"]]))[1]
        assert len(loaded["ids"]) == 2
        turned = (await call(server, "load", data=[["a", "b"], ["c", "d"]], fields=["id", "name"]))[1]
        assert len(turned["ids"]) == 2
        args = ("sandbox", 2, "admin", "res.partner", "create", [[{"name": "a"}] * 3], {"context": {"lang": "en_US"}})
        assert len((await rpc(server, "object", "execute_kw", *args))["result"]) == 3


async def test_a_process_keeps_its_file(tmp_path: Any) -> None:
    from zenoo_fast.sandbox import SandboxProcess

    path = str(tmp_path / "records")
    with SandboxProcess(path=path) as server:
        ids = (await call(server, "create", vals_list=[{"name": "Kept"}]))[1]
        server.stop(kill=True)
    with SandboxProcess(path=path) as server:
        assert (await call(server, "read", ids=ids, fields=["name"]))[1][0]["name"] == "Kept"
