"""A server within the test's process: keeps records, refuses bad ones, and a script decides what befalls each call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind, RowState, ServerError
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.importing import import_records
from zenoo_fast.transports import classify
from zenoo_fast.transports.base import Call

FIELDS: dict[str, dict[str, Any]] = {
    "name": {"type": "char", "required": True, "readonly": False, "string": "Name"},
    "ref": {"type": "char", "required": False, "readonly": False, "string": "Reference"},
    "color": {"type": "integer", "required": False, "readonly": False, "string": "Color"},
    "parent_id": {"type": "many2one", "relation": "res.partner", "required": False, "string": "Company"},
    "type": {"type": "selection", "selection": [["a", "A"], ["b", "B"]], "required": False, "string": "Type"},
}

Step = str | Outcome | None
"""What befalls a call: ``None`` nothing; ``"unreachable"``; ``"lost before"`` and ``"lost after"`` the commit;
``"busy"``: refused for what others did; ``"too large"``; ``"hang"``: never answered; or the outcome itself."""

ROWS = {"create": "vals_list", "load": "data", "web_save_multi": "vals_list"}
"""Writing methods, and the argument that holds their records."""


def unreachable(retry_after: float | None = None) -> Outcome:
    error = ServerError("builtins.ConnectionRefusedError", "cannot be reached")
    return Outcome(OutcomeKind.NOT_EXECUTED, error=error, action=Action.RETRY, retry_after=retry_after)


def lost(seconds: float = 0.0) -> Outcome:
    return classify.exception(ConnectionResetError("the connection broke"), sent=True, seconds=seconds)


def odoo(name: str, message: str) -> Outcome:
    return classify.odoo_error(ServerError(name, message, status=500))


BUSY = ("psycopg2.errors.SerializationFailure", "could not serialize access")


class ScriptedServer:
    """A transport to itself.

    Args:
        script: (number of this writing call from 0 on, call) -> what befalls it.
        refuses: Values -> why they are bad; ``None`` where they are good.
        latency: Turns of the loop a call takes.

    Attributes:
        records: Database id -> values.
        external: External id -> database id.
        writes: Records of each writing call, in order of arrival.
        peak: Most calls under way at once.
        pace: Seconds a record that it says to have taken.
        rights: What it says of the user's access rights.
        questions: Methods of the other calls.
    """

    name = "scripted"

    def __init__(
        self,
        script: Callable[[int, Call], Step] = lambda _number, _call: None,
        refuses: Callable[[Mapping[str, Any]], str | None] = lambda values: (
            "bad reference" if values.get("ref") == "bad" else None
        ),
        latency: int = 1,
    ) -> None:
        self.script = script
        self.refuses = refuses
        self.latency = latency
        self.records: dict[int, dict[str, Any]] = {}
        self.external: dict[str, int] = {}
        self.writes: list[int] = []
        self.in_flight = 0
        self.peak = 0
        self.pace = 0.0
        self.rights = True
        self.questions: list[str] = []

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def call(self, call: Call) -> Outcome:
        if call.method not in ROWS or call.arguments.get("ids") == []:
            return Outcome(OutcomeKind.COMMITTED, result=self._answer(call))
        rows = call.arguments[ROWS[call.method]]
        step = self.script(len(self.writes), call)
        self.writes.append(len(rows))
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            for _ in range(self.latency):
                await asyncio.sleep(0)
            outcome = await self._befall(step, call, rows.values())
            taken = self.pace * len(rows) if outcome.kind is OutcomeKind.COMMITTED else outcome.seconds
            return replace(outcome, seconds=max(outcome.seconds, taken))
        finally:
            self.in_flight -= 1

    async def _befall(self, step: Step, call: Call, values: list[Any]) -> Outcome:
        if isinstance(step, Outcome):
            return step
        if step == "hang":
            await asyncio.Event().wait()
        if step == "raise":
            raise RuntimeError("a broken transport")
        if step == "unreachable":
            return unreachable()
        if step == "lost before":
            return lost()
        if step == "busy":
            return odoo(*BUSY)
        if step == "too large":
            return classify.http_failure(413)
        if call.method == "create":
            outcome = self._create(values)
        else:
            outcome = self._load(call, values) if call.method == "load" else self._save(call, values)
        return lost() if step == "lost after" else outcome

    def _create(self, values: list[dict[str, Any]]) -> Outcome:
        reason = next((one for one in map(self.refuses, values) if one), None)
        if reason is not None:
            return odoo("odoo.exceptions.ValidationError", reason)
        return Outcome(OutcomeKind.COMMITTED, result=[self._keep(one) for one in values], seconds=0.001)

    def _save(self, call: Call, values: list[dict[str, Any]]) -> Outcome:
        reason = next((one for one in map(self.refuses, values) if one), None)
        if reason is not None:
            return odoo("odoo.exceptions.ValidationError", reason)
        ids = call.arguments["ids"]
        for number, one in zip(ids, values, strict=True):
            self.records[number] |= one
        return Outcome(OutcomeKind.COMMITTED, result=[{"id": one} for one in ids], seconds=0.001)

    def _load(self, call: Call, values: list[list[Any]]) -> Outcome:
        rows = [dict(zip(call.arguments["fields"], row, strict=True)) for row in values]
        messages: list[dict[str, Any]] = []
        for index, row in enumerate(rows):
            reason = self.refuses(row)
            if reason:
                place = {"rows": {"from": index, "to": index}, "record": index}
                messages.append({"type": "error", "message": reason, "field": "ref", **place})
                if len(messages) >= 10 and len(messages) >= 0.1 * (index + 1):
                    messages.append({"type": "warning", "message": "Found more than 10 errors …"})
                    break
        if messages:
            return Outcome(OutcomeKind.COMMITTED, result={"ids": False, "messages": messages, "nextrow": 0})
        keep = bool((call.context or {}).get("noupdate"))
        ids = []
        for row in rows:
            name = row.pop("id", None)
            known = self.external.get(name) if name else None
            if known is None:
                known = self._keep(row)
                if name:
                    self.external[name] = known
            elif not keep:
                self.records[known] = row
            ids.append(known)
        return Outcome(OutcomeKind.COMMITTED, result={"ids": ids, "messages": [], "nextrow": 0}, seconds=0.001)

    def _keep(self, values: dict[str, Any]) -> int:
        number = len(self.records) + 1
        self.records[number] = values
        return number

    def _answer(self, call: Call) -> Any:
        self.questions.append(call.method)
        if call.method == "check_access_rights":
            return self.rights
        if call.method == "fields_get":
            return FIELDS
        if call.method == "default_get":
            return {}
        if call.method == "web_save_multi":
            return []
        if (call.model, call.method) == ("ir.model.data", "search_read"):
            ((_, _, module), _, (_, _, names)) = call.arguments["domain"]
            pairs = ((name, self.external.get(f"{module}.{name}")) for name in names)
            return [{"name": name, "res_id": known} for name, known in pairs if known is not None]
        if call.method == "write":  # never befallen by anything
            self.writes.append(len(call.arguments["ids"]))
            for number in call.arguments["ids"]:
                self.records[number] |= call.arguments["vals"]
            return True
        if call.method == "read":
            names, ids = call.arguments["fields"], call.arguments["ids"]
            return [{"id": one, **{name: self._stored(one, name) for name in names}} for one in ids]
        raise AssertionError(f"{call.method} is not scripted")

    def _stored(self, number: int, name: str) -> Any:
        """A field as ``read`` gives it; ``load`` left texts."""
        value = self.records[number].get(name, False)
        return int(value) if FIELDS[name]["type"] == "integer" and value else value or False


class ScriptedClient:
    """What `import_records` takes for a client."""

    def __init__(self, server: ScriptedServer) -> None:
        self._server = server

    @property
    def transport(self) -> ScriptedServer:
        return self._server


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


async def run(server: ScriptedServer, source: Any, **options: Any) -> ImportReport:
    """Import, and hold what must hold after every import."""
    report = await import_records(
        ScriptedClient(server), "res.partner", source, **{"chunk_size": 16, "concurrency": 2, **options}
    )
    holds(report)
    return report


def holds(report: ImportReport) -> None:
    """Every row that was read is in exactly one count, and the rows that are named are those that are counted."""
    counts = [getattr(report, state.value) for state in RowState]
    assert report.adds_up
    assert report.read == sum(counts), (report.read, counts)
    assert all(count >= 0 for count in counts)
    assert len(report.unknown_rows) == report.unknown
    assert len({one.row for one in report.rejects}) == len(report.rejects)
    if report.rejected <= 1000:
        assert len(report.rejects) == report.rejected
    assert len(report.ids) == report.created + report.updated + report.unchanged
    assert not any(one.row in report.unknown_rows or one.row in report.ids for one in report.rejects)


def rows(count: int, bad: set[int] | frozenset[int] = frozenset()) -> list[dict[str, Any]]:
    """Records named by their number; those in `bad` are refused by the server."""
    return [{"name": f"row {number}", "ref": "bad" if number in bad else str(number)} for number in range(count)]
