"""`ZenooClient` and a worker pool on a real Odoo, over both transports."""

from __future__ import annotations

import pytest

from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.pool import WorkerPool
from zenoo_fast.exceptions import AuthenticationError, MethodNotFoundError, ValidationError
from zenoo_fast.transports.base import Call

pytestmark = pytest.mark.odoo
MODEL = "res.partner"


@pytest.fixture(params=["jsonrpc", "json2"])
async def client(request, odoo):
    async with ZenooClient(odoo.url) as made:
        if request.param == "json2":
            await made.login_with_api_key(odoo.database, odoo.login, odoo.api_key)
        else:
            await made.login(odoo.database, odoo.login, odoo.password)
        assert made.transport.name == request.param
        yield made


async def test_records_are_created_read_written_found_and_deleted(client):
    one = await client.create(MODEL, {"name": "Wire one"})
    ids = await client.create(MODEL, [{"name": "Wire a"}, {"name": "Wire b"}])
    mine = [("id", "in", [one, *ids])]
    assert await client.write(MODEL, one, {"comment": "x"}) is True
    assert await client.search(MODEL, mine, order="id desc", limit=2) == [ids[1], ids[0]]
    assert await client.search_count(MODEL, mine) == 3
    assert await client.read(MODEL, ids, ["name"]) == [
        {"id": ids[0], "name": "Wire a"},
        {"id": ids[1], "name": "Wire b"},
    ]
    assert (await client.search_read(MODEL, mine, ["name"], order="id", limit=1))[0]["name"] == "Wire one"
    assert await client.execute_kw(MODEL, "message_post", [[one]], {"body": "by position"})
    assert (await client.get_model_fields(MODEL))["name"]["type"] == "char"
    pool = WorkerPool(client.transport_spec(), 1)
    try:
        assert (await pool.call(Call(MODEL, "search_count", {"domain": mine}))).value() == 3
    finally:
        await pool.close()
    assert await client.unlink(MODEL, [one, *ids]) is True


@pytest.mark.parametrize(
    ("model", "method", "args", "error", "name"),
    [
        (MODEL, "create", [[{"nope": 1}]], ValidationError, "builtins.ValueError"),
        (MODEL, "create", [[{"name": False}]], ValidationError, "odoo.exceptions.ValidationError"),
        (MODEL, "write", [[999999999], {"name": "x"}], ValidationError, "odoo.exceptions.MissingError"),
        (MODEL, "no_such_method", [[1]], MethodNotFoundError, "builtins.AttributeError"),
        ("no.such.model", "read", [[1]], MethodNotFoundError, None),
    ],
)
async def test_odoos_errors_keep_their_name_and_message(client, model, method, args, error, name):
    with pytest.raises(error) as caught:
        await client.execute_kw(model, method, args)
    assert caught.value.message
    assert name is None or caught.value.context["name"] == name


@pytest.mark.parametrize("wrong", ["database", "password"])
async def test_wrong_credentials_are_one_line_without_the_secret(odoo, wrong):
    async with ZenooClient(odoo.url) as client:
        database = "no_such_database" if wrong == "database" else odoo.database
        with pytest.raises(AuthenticationError) as caught:
            await client.login(database, odoo.login, "wrong-secret")
        assert "wrong-secret" not in f"{caught.value} {caught.value.context}"
        assert not client.is_authenticated
