"""The kit's suite, and what is special to pydantic."""

from __future__ import annotations

import asyncio
import sys
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from zenoo_fast.client import ZenooClient
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.importing import import_records
from zenoo_fast.plugins import ValidatorSpec
from zenoo_fast.sandbox import Sandbox
from zenoo_fast.testing import ValidatorSuite
from zenoo_fast_pydantic.validator import PydanticValidator

sys.path.insert(0, str(Path(__file__).parent))  # the models are found by name, in workers too

from partner_models import Event, Partner


class TestPydantic(ValidatorSuite):
    validator = "pydantic"
    config = MappingProxyType({"models": {"res.partner": "partner_models:Partner"}})
    good = (
        {"name": "Ada", "email": "ada@example.com", "color": 3},
        {"name": "Bo", "email": False, "phone": None},
        {"name": "Co", "is_company": True, "ref": "not in the model"},
    )
    bad = (
        {"name": "x"},
        {"name": "Di", "email": "nobody"},
        {"name": "Ed", "color": 12},
        {"name": "Fi", "type": "nonsense"},
    )
    changed = (
        ({"name": "  Gil ", "email": "GIL@Example.com"}, {"name": "Gil", "email": "gil@example.com"}),
        ({"name": "Hu", "phone": "+49 (30) 12-34"}, {"name": "Hu", "phone": "+49301234"}),
    )


def made(model: Any, name: str = "res.partner") -> PydanticValidator:
    validator = PydanticValidator(model)
    validator.begin(name)
    return validator


def test_errors_name_field_value_and_kind() -> None:
    verdict = made(Partner).validate(
        [{"name": "Ada", "color": "many"}, {"name": "Bo", "is_company": True, "parent_id/.id": 3}]
    )
    assert verdict is not None
    first, *_, last = verdict.rejects
    assert (first.index, first.field) == (0, "color")
    assert "'many'" in first.message
    assert (last.index, last.field, last.code) == (1, None, "value_error")
    assert "a company has no parent" in last.message


def test_texts_that_read_the_same_are_not_changed() -> None:
    records = [{"name": "Ada", "color": "7", "partner_latitude": "1.50", "parent_id/.id": "12", "type": "contact"}]
    assert made(Partner).validate(records) is None
    assert made(Event).validate([{"day": "2026-02-01"}]) is None


def test_empty_values_of_odoo_are_none_but_for_booleans() -> None:
    assert made(Partner).validate([{"name": "Ada", "email": False, "color": False, "is_company": False}]) is None
    assert made(Partner).validate([{"name": "Ada", "color": "", "parent_id/.id": ""}]) is None


def test_values_may_be_of_types_that_have_no_json() -> None:
    verdict = made(Event).validate([{"day": 1_769_904_000}])
    assert verdict is not None
    assert verdict.changes == {0: {"day": date(2026, 2, 1)}}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "give one of"),
        ({"model": "a:b", "models": {"m": "a:b"}}, "give one of"),
        ({"model": "no.such:Model"}, "No module named"),
        ({"model": "partner_models"}, "is no module:attr"),
        ({"model": "partner_models:Nothing"}, "Nothing"),
        ({"model": "partner_models:Any"}, "is no pydantic model"),
        ({"models": {"res.country": "partner_models:Event"}}, r"no pydantic model for res\.partner"),
    ],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_wrong_settings_are_told_before_the_run(config: dict[str, Any], message: str, workers: int) -> None:
    async def body() -> None:
        async with Sandbox() as sandbox, ZenooClient(sandbox.url) as client:
            await client.login(sandbox.database, sandbox.login, sandbox.password)
            validators = [ValidatorSpec("pydantic", config)]
            with pytest.raises(ConfigurationError, match=message) as told:
                await import_records(client, "res.partner", [{"name": "x"}], validators=validators, workers=workers)
            assert "pydantic" in told.value.message

    asyncio.run(body())


def test_upserts_are_text() -> None:
    async def body() -> None:
        async with Sandbox() as sandbox, ZenooClient(sandbox.url) as client:
            await client.login(sandbox.database, sandbox.login, sandbox.password)
            rows = [{"id": f"my.p{number}", "name": f" Name {number}", "color": number} for number in range(20)]
            spec = ValidatorSpec("pydantic", {"model": "partner_models:Partner"})
            report = await import_records(client, "res.partner", rows, mode="upsert", validators=[spec])
            assert (report.created, [one.row for one in report.rejects]) == (12, list(range(12, 20)))
            assert await client.search_count("res.partner", [("name", "=like", "Name %"), ("color", "<", 12)]) == 12

    asyncio.run(body())
