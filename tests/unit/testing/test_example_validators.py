"""The kit's suite for validators, on one of each kind, and on one that must fail it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from example_validators import Mail, MailColumns

from zenoo_fast.plugins import Fault, Verdict
from zenoo_fast.testing import ValidatorSuite


class Examples(ValidatorSuite):
    good = ({"name": "a", "email": "a@b.c"}, {"name": "b"}, {"name": "c", "email": False})
    bad = ({"name": "d", "email": "nobody"}, {"name": "e", "email": "x.y"})
    changed = (({"name": "f", "email": "A@B.c"}, {"name": "f", "email": "a@b.c"}),)


class TestMail(Examples):
    validator = Mail


class TestMailBySpec(Examples):
    validator = Mail
    config = MappingProxyType({"field": "email"})


class TestMailColumns(Examples):
    validator = MailColumns


class Counts:
    """Rejects every other record, whatever is in it."""

    form = "dicts"

    def validate(self, records: list[dict[str, Any]]) -> Verdict:
        return Verdict([Fault(index, "odd") for index in range(1, len(records), 2)])


@pytest.mark.parametrize("test", ["test_names_the_records_at_fault", "test_rejects_each_bad_record"])
def test_the_suite_finds_a_validator_that_looks_at_places(test: str) -> None:
    suite = type("Suite", (Examples,), {"validator": Counts})()
    with pytest.raises(AssertionError):
        getattr(suite, test)()
