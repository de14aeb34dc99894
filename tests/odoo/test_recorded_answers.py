"""What the real Odoo 19 answers when it refuses: as it was recorded for the tests of classification.

``ZENOO_FAST_RECORD=1`` writes the file anew.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from real_odoo import PrivateOdoo

pytestmark = [pytest.mark.odoo, pytest.mark.timeout(300)]

FILE = Path(__file__).parents[1] / "unit" / "transports" / "recorded" / "odoo19.json"
PARTNER = "res.partner"
RAISES = """
CREATE FUNCTION raises() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.ref LIKE 'raise-%' THEN RAISE EXCEPTION 'raised' USING ERRCODE = substr(NEW.ref, 7); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER raises BEFORE INSERT ON res_partner FOR EACH ROW EXECUTE FUNCTION raises();
UPDATE ir_model_access SET active = false
    WHERE model_id = (SELECT id FROM ir_model WHERE model = 'res.partner.category');
"""


@dataclass(frozen=True)
class Case:
    """One call; `changes` replace facts of the request, `cut` leaves the end of the body away."""

    method: str
    arguments: Mapping[str, Any]
    model: str = PARTNER
    changes: Mapping[str, Any] = field(default_factory=dict)
    cut: bool = False


def create(**values: Any) -> Case:
    return Case("create", {"vals_list": [{"name": "x", **values}]})


GOOD = {"vals_list": [{"name": "x"}]}
CASES: dict[str, Case] = {
    "a field that is not there": create(no_such_field=1),
    "a selection that is none": create(type="nonsense"),
    "a float that is none": create(partner_latitude="abc"),
    "NUL in a text": create(name="a\0b"),
    "a many2one that is a text": create(country_id="abc"),
    "a many2one to a missing id": create(country_id=99_999_999),
    "a missing id in write": Case("write", {"ids": [99_999_999], "vals": {"name": "x"}}),
    "a missing id in unlink": Case("unlink", {"ids": [99_999_999]}),
    "a required value is missing": Case("create", {"vals_list": [{"code": "ZZ"}]}, "res.country"),
    "a unique value that is taken": Case("create", {"vals_list": [{"name": "x", "code": "BE"}]}, "res.country"),
    "a check of the database": create(name=False),
    "no access right": Case("create", GOOD, "res.partner.category"),
    "no such model": Case("create", GOOD, "no.such.model"),
    "no such method": Case("no_such_method", {}),
    "a wrong argument": Case("create", {"nonsense": []}),
    "a wrong key": Case("create", GOOD, changes={"key": "wrong"}),
    "no such database": Case("create", GOOD, changes={"database": "no_such_database"}),
    "a body that is cut": Case("create", GOOD, cut=True),
    "a body beyond 128 MiB": create(comment="x" * (129 << 20)),
    "SQLSTATE 40001 five times": create(ref="raise-40001"),
    "SQLSTATE 40P01 five times": create(ref="raise-40P01"),
    "SQLSTATE 55P03 five times": create(ref="raise-55P03"),
    "SQLSTATE 57014": create(ref="raise-57014"),
    "SQLSTATE 53100": create(ref="raise-53100"),
    "SQLSTATE 53300": create(ref="raise-53300"),
    "SQLSTATE 25006": create(ref="raise-25006"),
    "SQLSTATE 08006": create(ref="raise-08006"),
    "SQLSTATE 57P01": create(ref="raise-57P01"),
    "SQLSTATE 23514": create(ref="raise-23514"),
}
PROTOCOLS = ("json2", "jsonrpc")


def ask(server: PrivateOdoo, protocol: str, case: Case) -> dict[str, Any]:
    """Status, type and body of the answer."""
    key = case.changes.get("key", server.api_key)
    database = case.changes.get("database", server.database)
    headers = {"Content-Type": "application/json", "X-Odoo-Database": database}
    if protocol == "json2":
        path = f"/json/2/{case.model}/{case.method}"
        headers["Authorization"] = f"bearer {key}"
        body: Any = case.arguments
    else:
        path = "/jsonrpc"
        given = list(case.arguments.values())
        # A wrong name is a wrong name by keywords, too.
        positional, named = ([], dict(case.arguments)) if "nonsense" in case.arguments else (given, {})
        arguments = [database, 2, key, case.model, case.method, positional, named]
        body = {"jsonrpc": "2.0", "method": "call", "id": 1}
        body["params"] = {"service": "object", "method": "execute_kw", "args": arguments}
    content = json.dumps(body).encode()
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=120)
    try:
        # Odoo refuses a body that is too large while it still comes: what it said is there to be read.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", path, content[:-5] if case.cut else content, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    kind = (answer.getheader("Content-Type") or "").partition(";")[0]
    return {"status": answer.status, "type": kind, "body": json.loads(text) if kind.endswith("json") else text}


def shortened(answer: dict[str, Any], server: PrivateOdoo) -> dict[str, Any]:
    """Without what differs from server to server: its tracebacks but for their last line, the database's name."""
    body = answer["body"]
    if isinstance(body, str):
        return {**answer, "body": body[:200]}
    error = body["error"].get("data", {}) if "error" in body else body
    if "debug" in error:
        error["debug"] = error["debug"].strip().splitlines()[-1]
    text = json.dumps(answer).replace(server.database, "database")
    return json.loads(re.sub(r'socket \\"[^"]*\\"', r'socket \\"/run/postgresql\\"', text))


def facts(answer: dict[str, Any]) -> Any:
    """What classification looks at."""
    body = answer["body"]
    if isinstance(body, str):
        return answer["status"], answer["type"]
    error = body["error"].get("data", {}) if "error" in body else body
    return answer["status"], answer["type"], sorted(body), error.get("name"), sorted(error)


@pytest.fixture(scope="module")
def recorded() -> dict[str, dict[str, Any]]:
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def test_it_answers_as_recorded(odoo_server: Callable[..., PrivateOdoo], recorded: dict[str, dict[str, Any]]) -> None:
    server = odoo_server(workers=4)
    server.sql(RAISES)
    wanted = [(protocol, name) for name in CASES for protocol in PROTOCOLS]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda one: shortened(ask(server, one[0], CASES[one[1]]), server), wanted))
    found: dict[str, dict[str, Any]] = {protocol: {} for protocol in PROTOCOLS}
    for (protocol, name), answer in zip(wanted, answers, strict=True):
        found[protocol][name] = answer
    if os.environ.get("ZENOO_FAST_RECORD") == "1":
        FILE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        recorded = found
    for protocol, name in wanted:
        assert facts(found[protocol][name]) == facts(recorded[protocol][name]), (protocol, name)
