"""What every validator must hold."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from zenoo_fast._core import Layout
from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.importing import import_records
from zenoo_fast.plugins.examine import Batch, Chosen, Findings, choose
from zenoo_fast.plugins.registry import spec_of
from zenoo_fast.plugins.validators import Validator, ValidatorSpec
from zenoo_fast.sandbox import Sandbox

Record = Mapping[str, Any]


class ValidatorSuite:
    """Subclass it under a name that begins with ``Test``, say which validator, and give examples.

    Attributes:
        validator: Its registered name, ``module:attr``, or its class.
        config: Keywords it is made with.
        model: The model whose records it looks at; one of the sandbox's for the tests that import.
        good: Records that it lets through.
        bad: Records that it rejects, each for a reason of its own.
        changed: Records that it changes, with what becomes of them.
    """

    validator: ClassVar[str | Callable[..., Validator]]
    config: ClassVar[Mapping[str, Any]] = {}
    model: ClassVar[str] = "res.partner"
    good: ClassVar[Sequence[Record]]
    bad: ClassVar[Sequence[Record]]
    changed: ClassVar[Sequence[tuple[Record, Record]]] = ()

    def chosen(self) -> Chosen:
        """The validator, made."""
        return choose(self.wanted(), self.model)

    def wanted(self) -> Any:
        """The validator as an import is given it."""
        wanted = type(self).validator
        if not self.config:
            return wanted
        return ValidatorSpec(wanted if isinstance(wanted, str) else spec_of(wanted), self.config)

    def examine(self, records: Sequence[Record]) -> Findings:
        """What it finds among these records."""
        chunk = Layout().extract(list(records), max_rows=len(records) + 1).chunk
        assert len(chunk) == len(records), "the examples themselves cannot be serialised"
        kinds = _kinds(records)
        return self.chosen().examiner.examine(Batch(chunk, len(chunk), None, kinds))

    def run(self, records: Sequence[Record], workers: int, **options: Any) -> ImportReport:
        """Import records into a sandbox, past the validator."""

        async def body() -> ImportReport:
            async with Sandbox() as sandbox, ZenooClient(sandbox.url) as client:
                await client.login_with_api_key(sandbox.database, sandbox.login, sandbox.api_key)
                return await import_records(
                    client, self.model, list(records), workers=workers, validators=[self.wanted()], **options
                )

        return asyncio.run(body())

    def mixed(self) -> tuple[list[Record], list[int]]:
        """Good and bad records in turn, some hundred, and the places of the bad ones."""
        records: list[Record] = []
        places: list[int] = []
        for number in range(200):
            if number % 5 == 3:
                places.append(len(records))
                records.append(self.bad[number % len(self.bad)])
            else:
                records.append(self.good[number % len(self.good)])
        return records, places

    def test_examples_are_given(self) -> None:
        """The other tests need both kinds."""
        assert self.good
        assert self.bad

    def test_lets_good_records_through(self) -> None:
        """No fault."""
        assert self.examine(self.good).faults == {}

    def test_rejects_each_bad_record(self) -> None:
        """Each for itself, with one line that says why."""
        for record in self.bad:
            faults = self.examine([record]).faults
            assert list(faults) == [0], (record, faults)
            _field, code, message = faults[0]
            assert code.strip(), record
            assert message.strip(), record

    def test_names_the_records_at_fault(self) -> None:
        """Among many, those that are bad, and no others."""
        records, places = self.mixed()
        assert sorted(self.examine(records).faults) == places

    def test_does_not_depend_on_the_company(self) -> None:
        """The same of a record alone, in another order, and the second time: a validator sees any records together."""
        records, _ = self.mixed()
        whole = self.examine(records)
        assert self.examine(records) == whole
        backwards = self.examine(records[::-1])
        count = len(records)
        assert {count - 1 - index for index in backwards.faults} == set(whole.faults)
        alone = [bool(self.examine([record]).faults) for record in records[:20]]
        assert alone == [index in whole.faults for index in range(20)]

    def test_takes_one_record_and_thousands(self) -> None:
        """Any number."""
        assert self.examine(self.good[:1]).faults == {}
        many = [self.good[number % len(self.good)] for number in range(5000)]
        assert self.examine(many).faults == {}

    def test_changes_what_it_should(self) -> None:
        """New values, by field."""
        for before, after in self.changed:
            changes = self.examine([before]).changes.get(0, {})
            assert {**before, **changes} == after, (before, changes)

    def test_leaves_good_records_as_they_are(self) -> None:
        """A change that changes nothing costs a serialisation for each record."""
        if not self.changed:
            assert self.examine(self.good).changes == {}

    def test_does_not_touch_the_callers_records(self) -> None:
        """Imports never change what they are given."""
        records, _ = self.mixed()
        before = copy.deepcopy(records)
        self.run(records, 0, dry_run=True)
        assert records == before

    def test_can_cross_into_worker_processes(self) -> None:
        """Its class can be imported there, and its configuration has a JSON form."""
        chosen = self.chosen()
        assert chosen.spec is not None, chosen.reason
        json.dumps(dict(self.config))

    def test_imports_without_workers(self) -> None:
        """Rejects are in the report, by row; everything else is in."""
        self._check(self.run(self._unique(), 0))

    def test_imports_with_workers(self) -> None:
        """The same in two worker processes."""
        self._check(self.run(self._unique(), 2))

    def _unique(self) -> list[Record]:
        return self.mixed()[0]

    def _check(self, report: ImportReport) -> None:
        _, places = self.mixed()
        assert report.adds_up
        assert report.stopped == ""
        assert report.read == 200
        rejected = [one.row for one in report.rejects]
        assert rejected == places, [one for one in report.rejects if one.row not in places][:3]
        assert report.created == 200 - len(places)


def _kinds(records: Sequence[Record]) -> dict[str, Any]:
    """Kinds of columns as the values of the examples are."""
    kinds: dict[str, Any] = {}
    for record in records:
        for name, value in record.items():
            if isinstance(value, bool):
                if value:
                    kinds[name] = "boolean"
            elif isinstance(value, int):
                kinds.setdefault(name, "integer")
            elif isinstance(value, float):
                kinds[name] = "float"
    return kinds
