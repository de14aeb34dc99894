"""Plugins that break their contracts, each in its own way; importable in worker processes."""

from __future__ import annotations

import os
import time
from typing import Any, ClassVar

from zenoo_fast.plugins import Fault, Verdict
from zenoo_fast.transports.base import Call
from zenoo_fast.transports.json2 import Json2Transport


class Validator:
    """Does `what` once it sees the record named ``trigger``."""

    form: ClassVar[str] = "dicts"

    def __init__(self, what: str = "nothing", seconds: float = 0.5) -> None:
        self.what = what
        self.seconds = seconds

    def validate(self, records: list[dict[str, Any]]) -> Any:
        if not any(record["name"] == "trigger" for record in records):
            return None
        return getattr(self, self.what)(records)

    def nothing(self, records: list[dict[str, Any]]) -> None: ...

    def raises(self, records: list[dict[str, Any]]) -> None:
        raise KeyError("vat")

    def exits(self, records: list[dict[str, Any]]) -> None:
        raise SystemExit("no licence")

    def blocks(self, records: list[dict[str, Any]]) -> None:
        time.sleep(self.seconds)

    def dies(self, records: list[dict[str, Any]]) -> None:
        os._exit(9)

    def answers_a_list(self, records: list[dict[str, Any]]) -> list[Any]:
        return records

    def rejects_with_texts(self, records: list[dict[str, Any]]) -> Verdict:
        return Verdict(["bad"])  # type: ignore[list-item]

    def rejects_past_the_end(self, records: list[dict[str, Any]]) -> Verdict:
        return Verdict([Fault(len(records), "nobody")])

    def rejects_without_a_message(self, records: list[dict[str, Any]]) -> Verdict:
        return Verdict([Fault(0, "")])

    def changes_past_the_end(self, records: list[dict[str, Any]]) -> Verdict:
        return Verdict(changes={-1: {"name": "x"}})

    def changes_to_a_text(self, records: list[dict[str, Any]]) -> Verdict:
        return Verdict(changes={0: "x"})  # type: ignore[dict-item]

    def too_few_values(self, records: list[dict[str, Any]]) -> Verdict:
        return Verdict(columns={"name": ["x"]})

    def values_without_json(self, records: list[dict[str, Any]]) -> Verdict:
        return Verdict(changes={0: {"name": object()}})


class Columns(Validator):
    """The same of a record batch."""

    form: ClassVar[str] = "arrow"

    def validate(self, records: Any) -> Any:
        return super().validate(records.to_pylist())


class NoForm:
    def validate(self, records: Any) -> None: ...


class NoValidate:
    form: ClassVar[str] = "dicts"


class NeedsConfig:
    form: ClassVar[str] = "dicts"

    def __init__(self, *, key: str) -> None:
        self.key = key

    def validate(self, records: Any) -> None: ...


class BrokenInWorkers:
    """Can be made in the run's process only."""

    form: ClassVar[str] = "dicts"

    def __init__(self) -> None:
        if os.environ.get("HOME_OF_THE_RUN") != str(os.getpid()):
            raise RuntimeError("only at home")

    def validate(self, records: Any) -> None: ...


class Transport(Json2Transport):
    """Breaks its contract for the call that carries the record named ``trigger``."""

    name = "misbehaving"
    what = "raises"

    async def call(self, call: Call, /) -> Any:
        rows = call.arguments.get("vals_list")
        if rows is not None and b"trigger" in bytes(rows.json()):
            if self.what == "raises":
                raise LookupError("no\ngateway")
            return self.what
        return await super().call(call)


class AnswersText(Transport):
    what = "done"


class Blocks(Json2Transport):
    """Waits the wrong way for the call that carries the record named ``trigger``."""

    name = "blocking"

    async def call(self, call: Call, /) -> Any:
        rows = call.arguments.get("vals_list")
        if rows is not None and b"trigger" in bytes(rows.json()):
            time.sleep(5.0)  # noqa: ASYNC251 - what a plugin must not do
        return await super().call(call)


class Reporter:
    """Raises in one of its methods."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.told: list[str] = []

    def start(self, run: object) -> None:
        self._tell("start")

    def update(self, progress: object) -> None:
        self._tell("update")

    def called(self, outcome: object, records: int) -> None:
        self._tell("called")

    def finish(self, report: object) -> None:
        self._tell("finish")

    def _tell(self, name: str) -> None:
        self.told.append(name)
        if name == self.where:
            raise OSError("the monitoring is away")
