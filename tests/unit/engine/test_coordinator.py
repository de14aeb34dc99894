"""Runs on a scripted server: whatever befalls the calls, every row that was read ends once."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest
from scripted_server import Clock, ScriptedClient, ScriptedServer, Step, holds, lost, odoo, rows, run, unreachable

from zenoo_fast.engine.breaker import Breaker
from zenoo_fast.engine.caller import SendPolicy
from zenoo_fast.engine.calls import CreateCalls
from zenoo_fast.engine.chunks import AnyChunk
from zenoo_fast.engine.crew import Control
from zenoo_fast.engine.limiter import Limiter
from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind
from zenoo_fast.engine.report import ImportReport, RejectsError
from zenoo_fast.engine.retry import Backoff, RetryBudget
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.importing import import_records
from zenoo_fast.progress.base import Progress, RunInfo
from zenoo_fast.transports import classify
from zenoo_fast.transports.base import Call


def policy(clock: Clock, **changes: Any) -> SendPolicy:
    options = {"retries": 4, "backoff": Backoff(1.0, 8.0, lambda _low, high: high), "sleep": clock.sleep, **changes}
    return SendPolicy(**options)


def at(*steps: Step) -> Any:
    """These steps befall the first calls."""
    return lambda number, _call: steps[number] if number < len(steps) else None


class Seen:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.report: ImportReport | None = None

    def start(self, run: RunInfo) -> None:
        pass

    def update(self, progress: Progress) -> None:
        pass

    def finish(self, report: ImportReport) -> None:
        self.report = report


async def test_every_row_is_created_and_its_id_is_its_own() -> None:
    server = ScriptedServer(latency=50)
    report = await run(server, rows(1000), concurrency=5)
    assert (report.created, report.requests) == (1000, 63)
    assert all(server.records[report.ids[row]]["name"] == f"row {row}" for row in range(1000))
    assert server.peak == 5
    report.raise_for_rejects()


async def test_a_place_takes_chunk_after_chunk() -> None:
    senders: set[Any] = set()

    def script(_number: int, _call: Call) -> Step:
        senders.add(asyncio.current_task())
        return None

    server = ScriptedServer(script, latency=5)
    report = await run(server, rows(1000), concurrency=1)
    assert (report.created, report.requests, server.peak) == (1000, 63, 1)
    assert len(senders) == 1


async def test_imports_that_share_a_limiter_share_its_places() -> None:
    server, limiter = ScriptedServer(latency=50), Limiter(3)
    reports = await asyncio.gather(*(run(server, rows(400), concurrency=limiter) for _ in range(3)))
    assert [report.created for report in reports] == [400] * 3
    assert (server.peak, limiter.in_flight) == (3, 0)


@pytest.mark.parametrize("bad", [{0}, {1023}, {511, 512}, {3, 200, 201, 777, 1000}, set(range(0, 1024, 100))])
async def test_bad_rows_are_found_by_halving(bad: set[int]) -> None:
    server = ScriptedServer()
    report = await run(server, rows(1024, bad), chunk_size=1024)
    assert {one.row for one in report.rejects} == bad
    assert {one.message for one in report.rejects} == {"bad reference"}
    assert report.created == 1024 - len(bad)
    assert report.requests <= 1 + 2 * len(bad) * math.log2(1024)
    with pytest.raises(RejectsError, match=f"{len(bad)} of 1024 rows rejected"):
        report.raise_for_rejects()


async def test_a_chunk_of_bad_rows_only_costs_two_calls_a_row() -> None:
    server = ScriptedServer()
    report = await run(server, rows(64, set(range(64))), chunk_size=64)
    assert (report.rejected, len(server.records)) == (64, 0)
    assert report.requests <= 2 * 64


async def test_rows_that_load_names_are_rejected_and_the_rest_goes_in_at_once() -> None:
    bad = set(range(5, 300, 30))
    records = [{**one, "id": f"m.x{number}"} for number, one in enumerate(rows(300, bad))]
    server = ScriptedServer()
    report = await run(server, records, mode="upsert", chunk_size=300)
    assert {one.row for one in report.rejects} == bad
    assert {one.field for one in report.rejects} == {"ref"}
    assert report.created == 290
    assert len(server.writes) <= 6  # ten messages at most a call, the first of which is not trusted


async def test_more_errors_than_load_tells_of_are_all_found() -> None:
    bad = set(range(0, 60, 2))
    records = [{**one, "id": f"m.x{number}"} for number, one in enumerate(rows(60, bad))]
    report = await run(ScriptedServer(), records, mode="upsert", chunk_size=60)
    assert {one.row for one in report.rejects} == bad
    assert report.created == 30


async def test_the_position_of_a_first_message_is_not_trusted() -> None:
    """Odoo puts an error of the whole batch first, with row 0's position."""
    message = {"type": "error", "rows": {"from": 0, "to": 0}, "record": 0, "message": "constraint"}

    def script(_number: int, call: Call) -> Step:
        names = [row[call.arguments["fields"].index("name")] for row in call.arguments["data"].values()]
        if "row 7" in names:
            return Outcome(OutcomeKind.COMMITTED, result={"ids": False, "messages": [message], "nextrow": 0})
        return None

    records = [{**one, "id": f"m.x{number}"} for number, one in enumerate(rows(16))]
    report = await run(ScriptedServer(script), records, mode="upsert")
    assert [one.row for one in report.rejects] == [7]


async def test_a_create_in_doubt_is_never_sent_again() -> None:
    server = ScriptedServer(at("lost after", None, "lost before"))
    report = await run(server, rows(64), concurrency=1, policy=policy(Clock()))
    assert (report.created, report.unknown) == (32, 32)
    assert report.unknown_rows.ranges() == [(0, 16), (32, 48)]
    assert report.unknown_reason == "the connection broke"
    assert (len(server.records), server.writes) == (48, [16] * 4)
    with pytest.raises(RejectsError, match="32 unknown"):
        report.raise_for_rejects()


@pytest.mark.parametrize("step", ["lost after", "lost before"])
@pytest.mark.parametrize("mode", ["upsert", "idempotent"])
async def test_a_load_in_doubt_is_sent_again_and_doubles_nothing(step: str, mode: str) -> None:
    server, clock = ScriptedServer(at(step, step)), Clock()
    records = rows(20)
    options: dict[str, Any] = {"idempotent": True, "key": ["ref"]}
    if mode == "upsert":
        records = [{**one, "id": f"m.x{number}"} for number, one in enumerate(records)]
        options = {"mode": "upsert"}
    report = await run(server, records, chunk_size=20, policy=policy(clock), **options)
    assert (report.created, len(server.records)) == (20, 20)
    assert report.retries >= 1
    assert clock.sleeps[0] == 1.0


@pytest.mark.parametrize("then", ["unreachable", "busy", "too large", "hopeless"])
async def test_rows_in_doubt_are_never_told_of_as_rejected(then: str) -> None:
    """They were sent once and may be in, whatever becomes of sending them again."""
    step: Step = odoo("odoo.exceptions.AccessDenied", "Access Denied") if then == "hopeless" else then
    server = ScriptedServer(lambda number, _call: "lost after" if number < 2 else step)
    records = [{**one, "id": f"m.x{number}"} for number, one in enumerate(rows(16))]
    report = await run(server, records, mode="upsert", policy=policy(Clock()))
    assert (report.unknown, report.rejected, len(server.records)) == (16, 0, 16)


@pytest.mark.parametrize("answer", [[1, 2], [0] * 16, [True] * 16, {"ids": 1}, "nonsense", b"[1, 2", None])
async def test_an_answer_that_makes_no_sense_leaves_its_rows_unknown(answer: Any) -> None:
    script = at(Outcome(OutcomeKind.COMMITTED, result=answer))
    report = await run(ScriptedServer(script), rows(32), policy=policy(Clock()))
    assert (report.created, report.unknown) == (16, 16)


async def test_a_busy_server_is_asked_again_and_then_its_rows_are_rejected() -> None:
    clock = Clock()
    report = await run(ScriptedServer(at("busy", "busy", "busy")), rows(16), policy=policy(clock))
    assert (report.created, report.retries) == (16, 3)
    assert clock.sleeps == [1.0, 2.0, 4.0]
    server = ScriptedServer(lambda _number, _call: "busy")
    report = await run(server, rows(16), policy=policy(Clock()))
    assert (report.rejected, report.retries) == (16, 4)
    assert {one.code for one in report.rejects} == {"server_busy"}


async def test_the_run_has_a_budget_of_repetitions() -> None:
    server = ScriptedServer(lambda _number, _call: "unreachable")
    budget = RetryBudget(ratio=0.0, floor=7)
    report = await run(server, rows(160), policy=policy(Clock(), retries=100, budget=budget))
    assert (report.retries, report.rejected) == (7, 160)
    assert {one.code for one in report.rejects} == {"not_sent"}
    assert len(server.writes) == 10 + 7


async def test_no_call_is_repeated_sooner_than_the_server_asked() -> None:
    clock = Clock()
    await run(ScriptedServer(at(unreachable(retry_after=33.0))), rows(16), policy=policy(clock))
    assert clock.sleeps == [33.0]


async def test_an_outage_is_waited_out_by_one_probe_at_a_time() -> None:
    clock, back = Clock(), 600.0
    breaker = Breaker(threshold=3, base=1.0, cap=15.0, clock=clock, sleep=clock.sleep)
    server = ScriptedServer(lambda _number, _call: "unreachable" if clock.now < back else None)
    report = await run(
        server, rows(64), concurrency=4, policy=policy(clock, retries=0, outage_seconds=3600.0, breaker=breaker)
    )
    assert report.created + report.rejected == 64
    assert report.created >= 32, "the calls that were sent before the breaker opened have no repetitions left"
    assert 600 <= clock.now < 640
    assert len(server.writes) < 4 + 60, "the server was asked more often than every ten seconds or so"


async def test_an_outage_that_lasts_too_long_rejects_what_was_never_sent() -> None:
    clock = Clock()
    breaker = Breaker(threshold=1, clock=clock, sleep=clock.sleep)
    server = ScriptedServer(lambda _number, _call: "unreachable")
    report = await run(server, rows(32), policy=policy(clock, outage_seconds=100.0, breaker=breaker, retries=1))
    assert (report.rejected, report.created) == (32, 0)
    assert clock.now >= 100


@pytest.mark.parametrize("outcome", [odoo("odoo.exceptions.AccessDenied", "Access Denied")])
async def test_a_hopeless_answer_ends_the_run_and_names_what_was_not_sent(outcome: Outcome) -> None:
    assert outcome.action is Action.STOP
    server = ScriptedServer(at(None, outcome))
    report = await run(server, rows(160), concurrency=1)
    assert (report.created, report.rejected, report.read) == (16, 16, 32)
    assert report.not_read
    assert "Access Denied" in report.stopped
    assert {one.code for one in report.rejects} == {"not_sent"}
    assert len(server.writes) == 2


def forbids(name: str) -> Any:
    """Refuses every call with a record of this name as not allowed."""

    def script(_number: int, call: Call) -> Step:
        if any(one["name"] == name or name == "any" for one in call.arguments["vals_list"].values()):
            return odoo("odoo.exceptions.AccessError", "You are not allowed to create 'Contact'")
        return None

    return script


async def test_a_user_without_the_right_ends_the_run_with_one_question() -> None:
    server = ScriptedServer(forbids("any"))
    server.rights = False
    report = await run(server, rows(160), concurrency=1)
    assert (report.created, report.rejected, report.read) == (0, 16, 16)
    assert "not allowed" in report.stopped
    assert server.writes == [16]
    assert server.questions.count("check_access_rights") == 1


async def test_records_that_a_user_may_not_create_are_found() -> None:
    server = ScriptedServer(forbids("row 7"))
    report = await run(server, rows(64), concurrency=1)
    assert (report.created, [one.row for one in report.rejects]) == (63, [7])
    assert server.questions.count("check_access_rights") == 1


async def test_a_call_that_is_too_large_is_halved() -> None:
    def script(_number: int, call: Call) -> Step:
        return "too large" if len(call.arguments["vals_list"]) > 5 else None

    server = ScriptedServer(script)
    report = await run(server, rows(32))
    assert report.created == 32
    assert max(size for size in server.writes if size <= 5) == 4
    report = await run(ScriptedServer(lambda _number, _call: "too large"), rows(4))
    assert {one.code for one in report.rejects} == {"too_large"}


async def test_chunks_after_one_that_was_too_large_are_cut_before_they_are_sent() -> None:
    def script(_number: int, call: Call) -> Step:
        return "too large" if len(call.arguments["vals_list"]) > 120 else None

    server = ScriptedServer(script)
    report = await run(server, rows(2000), chunk_size=400, concurrency=1)
    assert report.created == 2000
    assert server.writes == [400, 200, *[100] * 20]


async def test_a_time_limit_that_two_calls_met_is_not_met_by_the_chunks_after_them() -> None:
    """Calls that are too long end without an answer; they are repeated once, then halved, and later ones begin so."""

    def script(_number: int, call: Call) -> Step:
        return "lost before" if call.method == "load" and len(call.arguments["data"]) > 120 else None

    server = ScriptedServer(script)
    options = {"chunk_size": 400, "concurrency": 1, "idempotent": True, "key": ["name"]}
    report = await run(server, rows(2000), policy=policy(Clock()), **options)
    assert (report.created, report.unknown) == (2000, 0)
    assert server.writes == [400, 400, 200, 200, *[100] * 20]


async def test_a_time_limit_is_not_taken_for_an_outage() -> None:
    """Many calls in a row get no answer, and each of them would be the probe that the others wait for."""

    def script(_number: int, call: Call) -> Step:
        return lost(seconds=60.0) if call.method == "load" and len(call.arguments["data"]) > 120 else None

    clock = Clock()
    breaker = Breaker(threshold=2, base=1.0, cap=8.0, clock=clock, sleep=clock.sleep)
    server = ScriptedServer(script)
    server.pace = 0.5
    options = {"chunk_size": 400, "concurrency": 4, "idempotent": True, "key": ["name"]}
    report = await run(server, rows(4000), policy=policy(clock, outage_seconds=3600.0, breaker=breaker), **options)
    assert (report.created, report.unknown, report.stopped) == (4000, 0, "")
    assert len([size for size in server.writes if size > 120]) <= 12


async def test_chunks_grow_again_where_the_limit_is_far() -> None:
    """An answer that was lost after a long time twice need not have met a limit."""
    server = ScriptedServer(at(lost(seconds=60.0), lost(seconds=60.0)))
    options = {"chunk_size": 400, "concurrency": 1, "idempotent": True, "key": ["name"]}
    report = await run(server, rows(4000), policy=policy(Clock()), **options)
    assert report.created == 4000
    assert server.writes == [400, 400, 200, 200, *[400] * 9]


async def test_not_found_in_the_middle_of_a_run_is_an_outage() -> None:
    """Odoo answers so while PostgreSQL is being restarted."""
    clock = Clock()
    breaker = Breaker(threshold=2, base=1.0, cap=8.0, clock=clock, sleep=clock.sleep)
    server = ScriptedServer(at(None, *[classify.http_failure(404, body_start=b"<html>")] * 20))
    report = await run(server, rows(640), policy=policy(clock, outage_seconds=600.0, breaker=breaker))
    assert (report.created, report.rejected, report.unknown) == (640, 0, 0)


async def test_a_transport_that_breaks_its_contract_leaves_its_rows_unknown() -> None:
    server = ScriptedServer(at(None, "raise"))
    report = await run(server, rows(64), concurrency=1)
    assert (report.created, report.unknown_rows.ranges()) == (48, [(16, 32)])
    assert "a broken transport" in report.unknown_reason


@pytest.mark.parametrize("method", ["search_read", "load"])
async def test_a_transport_that_always_breaks_its_contract_is_no_outage_to_wait_for(method: str) -> None:
    """Neither where a plan asks nor where it sends; and what it was is said."""

    class Broken(ScriptedServer):
        async def call(self, call: Call) -> Outcome:
            if call.method == method:
                raise KeyError("no such gateway")
            return await super().call(call)

    clock = Clock()
    breaker = Breaker(threshold=2, base=1.0, cap=8.0, clock=clock, sleep=clock.sleep)
    options = {"policy": policy(clock, outage_seconds=3600.0, breaker=breaker), "idempotent": True, "key": ["name"]}
    report = await run(Broken(), rows(64), concurrency=1, **options)
    assert report.created == 0
    assert {one.code for one in report.rejects} <= {"not_sent"}
    assert "the transport scripted failed: KeyError: 'no such gateway'" in report.stopped + report.unknown_reason
    assert clock.now < 3600.0


async def test_a_fault_of_our_own_ends_the_run_with_its_rows_unknown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read = CreateCalls.read

    def broken(self: CreateCalls, value: Any, chunk: AnyChunk) -> Any:
        if 16 in chunk.rows():
            raise RuntimeError("a bug")
        return read(self, value, chunk)

    monkeypatch.setattr(CreateCalls, "read", broken)
    report = await run(ScriptedServer(), rows(64), concurrency=1)
    assert (report.created, report.unknown_rows.ranges()) == (16, [(16, 32)])
    assert report.stopped == "internal error: RuntimeError: a bug"
    assert "a chunk could not be settled" in caplog.text


async def test_stops_at_the_first_reject_where_asked() -> None:
    report = await run(ScriptedServer(), rows(640, {20}), concurrency=1, on_reject="stop")
    assert [one.row for one in report.rejects] == [20]
    assert report.stopped == "row 20: bad reference"
    assert report.not_read
    assert report.read < 640


async def test_stops_at_a_row_that_does_not_reach_the_server() -> None:
    records = rows(640)
    records[40]["name"] = ""
    server = ScriptedServer()
    report = await run(server, records, concurrency=1, on_reject="stop")
    assert [(one.row, one.code) for one in report.rejects] == [(40, "required")]
    assert len(server.records) == report.created < 640


@pytest.mark.parametrize("limit", [1, 16, 17, 100, 5000])
async def test_takes_no_more_rows_than_the_limit(limit: int) -> None:
    records = rows(100)
    records[10]["color"] = "x"
    report = await run(ScriptedServer(), iter(records), limit=limit)
    assert report.read == min(limit, 100)


async def test_a_stopped_run_awaits_what_is_in_flight_and_reads_no_more() -> None:
    control = Control()

    def script(number: int, _call: Call) -> Step:
        if number == 3:
            control.stop("enough")
        return None

    server = ScriptedServer(script, latency=5)
    report = await run(server, rows(1600), concurrency=2, control=control)
    assert report.stopped == "enough"
    assert report.not_read
    assert (report.created, report.unknown) == (len(server.records), 0)
    assert report.read < 1600


async def test_a_cancelled_run_ends_with_its_rows_in_flight_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zenoo_fast.engine.coordinator.GRACE_SECONDS", 0.01)
    hanging = asyncio.Event()

    def script(number: int, _call: Call) -> Step:
        if number < 4:
            return None
        hanging.set()
        return "hang"

    seen = Seen()
    options: dict[str, Any] = {"chunk_size": 16, "concurrency": 2, "progress": seen}
    task = asyncio.create_task(
        import_records(ScriptedClient(ScriptedServer(script)), "res.partner", rows(1600), **options)
    )
    await hanging.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    report = seen.report
    assert report is not None
    holds(report)
    assert report.created == 64
    assert report.unknown in {16, 32}
    assert report.stopped == "cancelled"


async def test_a_source_that_breaks_ends_the_run_with_what_was_read_before() -> None:
    def records() -> Any:
        yield from rows(5000)
        raise ValueError("byte 7 of row 5000 is none")

    report = await run(ScriptedServer(), records())
    assert "byte 7 of row 5000 is none" in report.stopped
    assert report.not_read
    assert report.read == report.created


async def test_nothing_is_read_far_ahead_of_what_is_sent() -> None:
    server = ScriptedServer(latency=20)
    taken = 0
    ahead = 0

    def records() -> Any:
        nonlocal taken, ahead
        for one in rows(60_000):
            taken += 1
            ahead = max(ahead, taken - len(server.records))
            yield one

    report = await run(server, records(), chunk_size=100, concurrency=3)
    assert report.created == 60_000
    assert ahead <= 2 * 4096 + 3 * 100


@pytest.mark.parametrize("source", ["list", "iterator", "asynchronous", "CSV"])
async def test_every_kind_of_source_counts_the_same(source: str, tmp_path: Path) -> None:
    bad = {3, 500}
    records = rows(1000, bad)
    records[7]["color"] = "x"

    async def asynchronous() -> Any:
        for one in records:
            yield one

    file = tmp_path / "rows.csv"
    lines = [f"{one['name']},{one['ref']},{one.get('color', '')}\n" for one in records]
    file.write_text("name,ref,color\n" + "".join(lines))
    sources = {"list": records, "iterator": iter(records), "asynchronous": asynchronous(), "CSV": file}
    server = ScriptedServer()
    report = await run(server, sources[source], chunk_size=64, rejects=tmp_path / "rejects")
    assert (report.read, report.created, report.rejected) == (1000, 997, 3)
    assert {one.row for one in report.rejects} == {3, 7, 500}
    assert all(server.records[number]["ref"] == str(row) for row, number in report.ids)


async def test_an_empty_list_is_an_import_of_nothing() -> None:
    report = await run(ScriptedServer(), [])
    assert (report.read, report.requests, report.stopped) == (0, 0, "")


async def test_updated_and_created_are_told_apart_in_one_chunk() -> None:
    server = ScriptedServer()
    records = [{**one, "id": f"m.x{number}"} for number, one in enumerate(rows(30))]
    first = await run(server, records[:20], mode="upsert")
    second = await run(server, records[10:], mode="upsert", chunk_size=20)
    assert (first.created, second.created, second.updated) == (20, 10, 10)
    again = await run(server, rows(30), idempotent=True, key=["ref"])
    known = await run(server, rows(40), idempotent=True, key=["ref"])
    assert (again.created, known.created, known.unchanged) == (30, 10, 30)


async def test_a_question_that_is_not_answered_stops_the_run_before_its_rows_are_sent() -> None:
    class NoAnswers(ScriptedServer):
        async def call(self, call: Call) -> Outcome:
            return lost() if call.model == "ir.model.data" else await super().call(call)

    server = NoAnswers()
    records = [{**one, "id": f"m.x{number}"} for number, one in enumerate(rows(64))]
    report = await run(server, records, mode="upsert", concurrency=1, policy=policy(Clock()))
    assert "external ids of res.partner cannot be looked up" in report.stopped
    assert (report.rejected, server.writes) == (16, [])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"mode": "insert"}, "mode is"),
        ({"key": ["ref"]}, "say idempotent"),
        ({"mode": "upsert", "idempotent": True}, "idempotent"),
        ({"mode": "upsert"}, "needs a column id"),
        ({"resume": True}, "resume needs the journal"),
    ],
)
async def test_contradictions_are_told_before_anything_is_sent(options: dict[str, Any], says: str) -> None:
    server = ScriptedServer()
    with pytest.raises(ConfigurationError, match=says):
        await run(server, rows(3), **options)
    assert server.writes == []
