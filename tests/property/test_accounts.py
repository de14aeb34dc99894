"""Whatever servers and networks do, in any order: a report adds up, and says of each row what is so.

The server commits, refuses or loses the answer of each call as hypothesis chooses; the model is what it then holds:

- a create never makes a record twice, and a row that is not told of as created is in only where it is unknown;
- with external ids every row is in exactly once, unless it is rejected or the server never answered for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Set as AbstractSet
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from scripted_server import BUSY, Clock, ScriptedServer, holds, odoo, rows, run, unreachable

from zenoo_fast.engine.breaker import Breaker
from zenoo_fast.engine.caller import SendPolicy
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.engine.retry import Backoff, RetryBudget
from zenoo_fast.transports.base import Call

STEPS = st.sampled_from(
    [
        None,
        None,
        None,
        "lost before",
        "lost after",
        "unreachable",
        "busy",
        "too large",
        "raise",
        "throttled",
        "hopeless",
    ]
)


def script(steps: list[str | None]) -> Any:
    def choose(number: int, call: Call) -> Any:
        step = steps[number] if number < len(steps) else None
        if step == "throttled":
            return unreachable(retry_after=7.0)
        if step == "hopeless":
            return odoo("odoo.exceptions.AccessDenied", "Access Denied")
        if step == "busy" and call.method == "load":
            return odoo(*BUSY)
        return step

    return choose


def policy(clock: Clock, retries: int, budget: int) -> SendPolicy:
    return SendPolicy(
        retries=retries,
        outage_seconds=50.0,
        backoff=Backoff(1.0, 4.0, lambda _low, high: high),
        budget=RetryBudget(0.0, budget),
        breaker=Breaker(threshold=2, base=1.0, cap=4.0, clock=clock, sleep=clock.sleep),
        sleep=clock.sleep,
    )


def truth(server: ScriptedServer, report: ImportReport, bad: set[int], before: AbstractSet[int] = frozenset()) -> None:
    """Hold the report to what the server holds; `before`: rows that earlier runs had brought in."""
    holds(report)
    times = Counter(int(one["name"].removeprefix("row ")) for one in server.records.values())
    unknown = {row for row in range(report.read) if row in report.unknown_rows}
    rejected = {one.row for one in report.rejects}
    told = {row for row, _ in report.ids}
    assert max(times.values(), default=0) <= 1, "a row is there twice"
    assert told <= set(times), "a row is told of as in, and is not"
    assert all(server.records[number]["name"] == f"row {row}" for row, number in report.ids)
    assert not rejected & (set(times) - before), "a rejected row is there"
    assert set(times) - before <= told | unknown, "a row is there without a word"
    assert told | unknown | rejected == set(range(report.read))
    assert not bad & told


OPTIONS = {
    "count": st.integers(0, 90),
    "chunk_size": st.integers(1, 40),
    "concurrency": st.integers(1, 4),
    "retries": st.integers(0, 5),
    "budget": st.integers(0, 30),
    "steps": st.lists(STEPS, max_size=40),
    "latency": st.integers(0, 4),
}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.fixed_dictionaries(OPTIONS), st.sampled_from(["create", "key", "row", "upsert"]))
async def test_the_account_is_true(data: st.DataObject, options: dict[str, Any], mode: str) -> None:
    count, clock = options["count"], Clock()
    bad = data.draw(st.sets(st.integers(0, count - 1), max_size=5)) if count else set()
    server = ScriptedServer(script(options["steps"]), latency=options["latency"])
    records = rows(count, bad)
    for row, one in enumerate(records):
        one["id" if mode == "upsert" else "type"] = f"m.x{row}" if mode == "upsert" else "a"
    how: dict[str, Any] = {
        "create": {},
        "key": {"idempotent": True, "key": ["name"]},
        "row": {"idempotent": True},
        "upsert": {"mode": "upsert"},
    }[mode]
    sent = {name: options[name] for name in ("chunk_size", "concurrency")}
    report = await run(server, records, policy=policy(clock, options["retries"], options["budget"]), **sent, **how)
    assert report.read == count or report.stopped
    truth(server, report, bad)
    event(f"unknown: {report.unknown > 0}, rejected beside the bad: {report.rejected > len(bad)}")
    if mode == "create":
        lost = sum(step in {"lost before", "lost after", "raise"} for step in options["steps"])
        assert report.unknown <= lost * options["chunk_size"]
    elif options["steps"].count(None) == len(options["steps"]):
        assert (report.created, report.rejected) == (count - len(bad), len(bad))


class Repeated(RuleBasedStateMachine):
    """The same file imported again and again with external ids, whatever befalls it: no row is ever there twice."""

    @initialize(count=st.integers(1, 40))
    def begin(self, count: int) -> None:
        self.server = ScriptedServer()
        self.count = count
        self.known: set[int] = set()

    @rule(steps=st.lists(STEPS, max_size=15), chunk_size=st.integers(1, 20), concurrency=st.integers(1, 3))
    def again(self, steps: list[str | None], chunk_size: int, concurrency: int) -> None:
        offset = len(self.server.writes)
        chosen = script(steps)
        self.server.script = lambda number, call: chosen(number - offset, call)
        before = set(self.known)
        report = self._import(chunk_size, concurrency)
        truth(self.server, report, set(), before)
        assert report.unchanged >= len(before & {row for row, _ in report.ids})
        self.known = {int(one["name"].removeprefix("row ")) for one in self.server.records.values()}
        assert before <= self.known, "a row is gone"

    @rule(more=st.integers(1, 10))
    def grow(self, more: int) -> None:
        self.count += more

    @rule()
    def in_peace(self) -> None:
        self.server.script = lambda _number, _call: None
        report = self._import(10, 2)
        assert report.created + report.unchanged == self.count
        assert not report.stopped
        self.known = set(range(self.count))

    def _import(self, chunk_size: int, concurrency: int) -> ImportReport:
        options = {"chunk_size": chunk_size, "concurrency": concurrency, "idempotent": True, "key": ["name"]}
        return asyncio.run(run(self.server, rows(self.count), policy=policy(Clock(), 2, 20), **options))

    @invariant()
    def every_row_is_there_once(self) -> None:
        if hasattr(self, "server"):
            names = [one["name"] for one in self.server.records.values()]
            assert len(names) == len(set(names))


Repeated.TestCase.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)
TestRepeated = Repeated.TestCase
