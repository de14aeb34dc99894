"""The sandbox answers like a real Odoo: the same calls on both, on both protocols."""

from __future__ import annotations

import ast
import io
import json
import re
from typing import Any

import aiohttp
import pytest

from zenoo_fast.sandbox import Sandbox
from zenoo_fast.sandbox.errors import constraint

pytestmark = pytest.mark.odoo
PARTNER = "res.partner"
LOAD = [
    (["name", "type"], [["n", "zzz"]]),
    (["name", "color"], [["n", "x"]]),
    (["name", "is_company"], [["n", "maybe"]]),
    (["name", "partner_latitude"], [["n", "q"]]),
    (["name", "email"], [["", "e"]]),
    ([".id", "name"], [["99999999", "n"]]),
    (["name", "nope"], [["n", "x"]]),
    (["name", "country_id"], [["n", "Nowhere"]]),
    (["name", "country_id/id"], [["n", "base.nowhere"]]),
    (["name", "country_id/.id"], [["n", "99999"]]),
]
CASES: list[tuple[str, str, dict[str, Any]]] = [
    *((PARTNER, "load", {"fields": fields, "data": data}) for fields, data in LOAD),
    (PARTNER, "create", {"vals_list": [{"name": "c", "nope": 1}]}),
    (PARTNER, "create", {"vals_list": [{"name": "c", "type": "zz"}]}),
    (PARTNER, "create", {"vals_list": [{"name": "c", "partner_latitude": "abc"}]}),
    (PARTNER, "create", {"vals_list": [{"name": "a\0b"}]}),
    (PARTNER, "create", {"vals_list": [{"name": "c", "country_id": "abc"}]}),
    (PARTNER, "create", {"vals_list": [{"name": "c", "country_id": 99999}]}),
    (PARTNER, "create", {"vals_list": [{"name": "c", "parent_id": 99999999}]}),
    (PARTNER, "create", {"vals_list": [{"email": "x"}]}),
    ("res.country", "create", {"vals_list": [{"code": "QX"}]}),
    ("res.country", "create", {"vals_list": [{"name": "Belgium", "code": "QX"}]}),
    (PARTNER, "write", {"ids": [99999999], "vals": {"name": "x"}}),
    (PARTNER, "unlink", {"ids": [99999999]}),
    (PARTNER, "read", {"ids": [99999999], "fields": ["name"]}),
    (PARTNER, "search", {"domain": [["nope", "=", 1]]}),
    (PARTNER, "search", {"domain": [["name", "=", "nobody has this name"]]}),
    (PARTNER, "default_get", {"fields": ["type", "lang", "active", "name"]}),
    (PARTNER, "nope", {"ids": [1]}),
    (PARTNER, "_write", {"ids": [1]}),
    ("no.model", "create", {"vals_list": [{}]}),
    ("res.users", "context_get", {}),
    ("res.country", "search_read", {"domain": [["code", "=", "BE"]], "fields": ["name", "code"]}),
]


async def ask(server: Any, protocol: str, model: str, method: str, named: dict[str, Any], key: str = "") -> Any:
    key = key or server.api_key
    headers = {"Authorization": f"bearer {key}", "X-Odoo-Database": server.database}
    if protocol == "json2":
        url, body = f"{server.url}/json/2/{model}/{method}", named
    else:
        first = next((name for name in ("ids", "vals_list") if name in named), "")  # Odoo wants them by position
        positional = [named[first]] if first else []
        rest = {name: value for name, value in named.items() if name != first}
        args = [server.database, 2, key, model, method, positional, rest]
        url = f"{server.url}/jsonrpc"
        body = {"jsonrpc": "2.0", "id": 1, "params": {"service": "object", "method": "execute_kw", "args": args}}
    data = io.BytesIO(json.dumps(body).encode())  # aiohttp warns of large bytes
    headers["Content-Type"] = "application/json"
    async with aiohttp.ClientSession() as session, session.post(url, data=data, headers=headers) as answer:
        return normal(answer.status, await answer.json())


def normal(status: int, answer: Any) -> Any:
    """Without what differs from run to run: ids, tracebacks, the SQL excerpt, the action of `moreinfo`."""
    error = answer if status != 200 else answer.get("error", {}).get("data") if isinstance(answer, dict) else None
    if error and "debug" in error:
        text = error["message"].partition("\nLINE")[0]
        return status, sorted(error), error["name"], text, error["context"]
    result = answer["result"] if isinstance(answer, dict) and "jsonrpc" in answer else answer
    if isinstance(result, dict) and "messages" in result:
        kept = ("rows", "record", "type", "field", "message")
        messages = [{name: one[name] for name in kept if name in one} for one in result["messages"]]
        return status, result["ids"], messages, result.get("nextrow")
    if isinstance(result, dict):
        result = dict(sorted(result.items()))
    return status, re.sub(r"'id': \d+", "'id': N", repr(result))


@pytest.mark.parametrize("protocol", ["json2", "jsonrpc"])
@pytest.mark.parametrize(("model", "method", "named"), CASES, ids=[f"{m}-{i}" for i, (_, m, _) in enumerate(CASES)])
async def test_same_answer(
    sandbox: Sandbox, odoo: Any, protocol: str, model: str, method: str, named: dict[str, Any]
) -> None:
    assert await ask(sandbox, protocol, model, method, named) == await ask(odoo, protocol, model, method, named)


@pytest.mark.parametrize("protocol", ["json2", "jsonrpc"])
async def test_same_refusal_of_a_wrong_key(sandbox: Sandbox, odoo: Any, protocol: str) -> None:
    calls = [await ask(server, protocol, PARTNER, "search", {"domain": []}, "wrong") for server in (sandbox, odoo)]
    assert calls[0] == calls[1]


# ---- successes: one life of some records, step by step ---------------------------------------------------------------

LIFE: list[tuple[str, str, dict[str, Any]]] = [
    (
        PARTNER,
        "create",
        {"vals_list": [{"name": "L0", "country_id": 1, "color": 773}, {"name": "L1", "active": False}]},
    ),
    (PARTNER, "create", {"vals_list": [{"name": "L2", "parent_id": "@0", "is_company": True, "type": "invoice"}]}),
    (PARTNER, "read", {"ids": ["@0", "@1", "@2"], "fields": ["name", "color", "active", "type", "is_company"]}),
    (PARTNER, "read", {"ids": ["@2"], "fields": ["parent_id", "email"], "load": ""}),
    (PARTNER, "write", {"ids": ["@0", "@1"], "vals": {"email": "l@x.example", "city": "Ghent"}}),
    (PARTNER, "web_save_multi", {"ids": ["@0", "@1"], "vals_list": [{"ref": "a"}, {"ref": "b"}], "specification": {}}),
    (PARTNER, "search", {"domain": [["id", "in", ["@0", "@1", "@2"]]], "order": "id desc"}),
    (PARTNER, "search", {"domain": [["id", "in", ["@0", "@1"]]], "context": {"active_test": False}, "order": "id"}),
    (PARTNER, "search", {"domain": [["id", "in", ["@0", "@2"]]], "offset": 1, "limit": 5, "order": "id"}),
    (PARTNER, "search_count", {"domain": [["ref", "=", "a"], ["id", "in", ["@0", "@1"]]]}),
    (PARTNER, "search_read", {"domain": [["parent_id", "=", "@0"]], "fields": ["name", "ref"]}),
    (
        PARTNER,
        "load",
        {
            "fields": ["id", "name", "parent_id/.id", "color"],
            "data": [["conform_x.three", "L3", "@0", "774"], ["conform_x.four", "L4", "", ""]],
        },
    ),
    (PARTNER, "load", {"fields": ["id", "name"], "data": [["conform_x.three", "L3 again"]]}),
    (
        PARTNER,
        "load",
        {
            "fields": ["id", "name"],
            "data": [["conform_x.three", "L3 third"], ["conform_x.five", "L5"]],
            "context": {"mode": "update", "noupdate": True},
        },
    ),
    (
        PARTNER,
        "load",
        {
            "fields": ["id", "name"],
            "data": [["conform_x.three", "written"], ["conform_x.five", "not written"]],
            "context": {"mode": "update", "noupdate": True},
        },
    ),
    (PARTNER, "load", {"fields": ["id", "name"], "data": [["conform_x.six", "L6"], ["conform_x.seven", ""]]}),
    (PARTNER, "read", {"ids": ["@3", "@4", "@5"], "fields": ["name", "color"]}),
    (
        "ir.model.data",
        "search_read",
        {
            "domain": [["module", "=", "conform_x"], ["model", "=", PARTNER]],
            "fields": ["name", "res_id"],
            "order": "id",
        },
    ),
    (PARTNER, "create", {"vals_list": [{"name": "bad", "parent_id": 99999999}, {"name": "good"}]}),
    (PARTNER, "unlink", {"ids": ["@2", "@1"]}),
    (PARTNER, "unlink", {"ids": ["@3", "@2"]}),
    (PARTNER, "read", {"ids": ["@2", "@3"], "fields": ["name"]}),
    (PARTNER, "unlink", {"ids": ["@3", "@4", "@5", "@0"]}),
    ("ir.model.data", "search_count", {"domain": [["module", "=", "conform_x"]]}),
    (PARTNER, "fields_get", {"allfields": ["name", "parent_id", "color", "type"], "attributes": ["type", "required"]}),
]
"""``@n`` stands for the n-th record made."""


async def live(server: Any, protocol: str) -> list[Any]:
    """The answers, with ``@n`` in the place of ids."""
    made: list[int] = []
    answers = []
    for model, method, named in LIFE:
        found = await ask(server, protocol, model, method, _ids_for(named, made))
        answers.append((method, _without_ids(found, made, makes=method in {"create", "load"})))
    return answers


def _ids_for(value: Any, made: list[int]) -> Any:
    if isinstance(value, str) and value.startswith("@"):
        return made[int(value[1:])]
    if isinstance(value, dict):
        return {name: _ids_for(one, made) for name, one in value.items()}
    return [_ids_for(one, made) for one in value] if isinstance(value, list) else value


def _without_ids(answer: Any, made: list[int], *, makes: bool) -> str:
    """A created record is named by the order in which it was made, a record of `ir.model.data` not at all."""
    if makes and answer[0] == 200:
        ids = answer[1] if isinstance(answer[1], list) else ast.literal_eval(answer[1]) if len(answer) == 2 else None
        made += [one for one in ids or [] if isinstance(one, int) and one not in made]
    text = repr(answer)
    for number, one in enumerate(made):
        text = re.sub(rf"\b{one}\b", f"@{number}", text)
    return re.sub(r"'id': (?!@)\d+", "'id': N", text)


@pytest.mark.parametrize("protocol", ["json2", "jsonrpc"])
async def test_a_life_of_records_is_the_same(sandbox: Sandbox, odoo: Any, protocol: str) -> None:
    ours, theirs = [await live(server, protocol) for server in (sandbox, odoo)]
    for mine, real in zip(ours, theirs, strict=True):
        assert mine == real


@pytest.mark.parametrize("protocol", ["json2", "jsonrpc"])
async def test_the_same_answer_to_a_body_that_is_too_large(sandbox: Sandbox, odoo: Any, protocol: str) -> None:
    big = {"vals_list": [{"name": "x" * (129 << 20)}]}
    answers = [await ask(server, protocol, PARTNER, "create", big) for server in (sandbox, odoo)]
    assert answers[0] == answers[1]


async def test_a_wrong_answer_would_be_told(sandbox: Sandbox, odoo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison itself can fail: a server that answers a little wrong is not taken for the real one."""
    model, method, named = PARTNER, "create", {"vals_list": [{"name": "c", "type": "zz"}]}
    real = await ask(odoo, "json2", model, method, named)
    assert await ask(sandbox, "json2", model, method, named) == real
    monkeypatch.setattr("zenoo_fast.sandbox.store.value_error", constraint)
    assert await ask(sandbox, "json2", model, method, named) != real
