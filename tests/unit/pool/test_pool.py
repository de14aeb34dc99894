"""Worker pools with real processes, real deaths and every kind of caller."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zenoo_fast.engine.outcome import Action, OutcomeKind
from zenoo_fast.engine.pool import TransportSpec, WorkerPool
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.transports.base import Call, Connection

CONNECTION = Connection("http://127.0.0.1:1", "db", "admin", "s3cr3t-of-this-test")
SPEC = TransportSpec("echo_transport:EchoTransport", CONNECTION)


class SomeRows:
    def __len__(self) -> int:
        return 2

    def json(self) -> memoryview:
        return memoryview(b'{"name":"a"},{"name":"b"}')

    def values(self) -> list[dict[str, str]]:
        raise AssertionError("rows travel as bytes")


async def test_calls_reach_workers_and_rows_arrive_as_they_were():
    pool = WorkerPool(SPEC, 2)
    await pool.open()
    try:
        outcomes = await asyncio.gather(
            *(pool.call(Call("m", "create", {"vals_list": SomeRows(), "number": n})) for n in range(50))
        )
        pids = pool.pids
    finally:
        await pool.close()
    values = [outcome.value() for outcome in outcomes]
    assert [value["arguments"]["number"] for value in values] == list(range(50))
    assert all(value["arguments"]["vals_list"] == [{"name": "a"}, {"name": "b"}] for value in values)
    assert {value["pid"] for value in values} == set(pids)
    assert all(isinstance(outcome.result, bytes) for outcome in outcomes)
    assert values[0]["secret"] == CONNECTION.secret
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_the_secret_is_in_no_command_line_and_no_environment():
    pool = WorkerPool(SPEC, 1)
    await pool.open()
    try:
        for pid in pool.pids:
            for name in ("cmdline", "environ"):
                assert CONNECTION.secret.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
    finally:
        await pool.close()


async def test_a_killed_worker_leaves_its_calls_in_doubt_and_is_replaced():
    pool = WorkerPool(SPEC, 1)
    await pool.open()
    try:
        (pid,) = pool.pids
        calls = [asyncio.ensure_future(pool.call(Call("m", "wait", {"seconds": 60}))) for _ in range(5)]
        assert (await pool.call(Call("m", "echo"))).kind is OutcomeKind.COMMITTED
        os.kill(pid, signal.SIGKILL)
        outcomes = await asyncio.gather(*calls)
        assert {(outcome.kind, outcome.action) for outcome in outcomes} == {(OutcomeKind.IN_DOUBT, Action.RETRY)}
        after = await pool.call(Call("m", "echo"))
        assert after.value()["pid"] != pid
        assert pool.restarts == 1
    finally:
        await pool.close()


async def test_workers_that_keep_dying_end_the_pool_with_one_clear_outcome():
    pool = WorkerPool(SPEC, 1, max_restarts=2)
    await pool.open()
    try:
        kinds = [(await pool.call(Call("m", "end"))).kind for _ in range(3)]
        assert kinds == [OutcomeKind.IN_DOUBT] * 3
        last = await pool.call(Call("m", "echo"))
        assert (last.kind, last.action) == (OutcomeKind.NOT_EXECUTED, Action.STOP)
        assert last.error is not None
        assert "keep ending (exit code 3)" in last.error.message
    finally:
        await pool.close()


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (TransportSpec("no_such_module:Thing", CONNECTION), "no_such_module"),
        (TransportSpec("echo_transport:Nothing", CONNECTION), "Nothing"),
        (TransportSpec("echo_transport:EchoTransport", CONNECTION, {"fail": "no luck"}), "no luck"),
    ],
)
async def test_a_worker_that_cannot_start_says_why(spec, reason):
    pool = WorkerPool(spec, 2)
    with pytest.raises(ConfigurationError, match=reason):
        await pool.open()
    assert pool.pids == []


async def test_a_broken_transport_and_an_unserialisable_argument_are_outcomes():
    pool = WorkerPool(SPEC, 1)
    try:
        broken = await pool.call(Call("m", "break"))
        assert broken.kind is OutcomeKind.IN_DOUBT
        refused = await pool.call(Call("m", "echo", {"value": object()}))
        assert (refused.kind, refused.action) == (OutcomeKind.REFUSED, Action.FIND_ROWS)
    finally:
        await pool.close()


async def test_more_calls_than_credits_wait_their_turn():
    pool = WorkerPool(SPEC, 1, calls_per_worker=2)
    try:
        outcomes = await asyncio.gather(*(pool.call(Call("m", "echo")) for _ in range(20)))
        assert all(outcome.kind is OutcomeKind.COMMITTED for outcome in outcomes)
    finally:
        await pool.close()


async def test_calls_in_flight_end_in_doubt_when_the_pool_closes_over_them():
    pool = WorkerPool(SPEC, 1, close_timeout=0)
    await pool.open()
    call = asyncio.ensure_future(pool.call(Call("m", "wait", {"seconds": 60})))
    await pool.call(Call("m", "echo"))
    await pool.close()
    assert (await call).kind is OutcomeKind.IN_DOUBT


SCRIPT = """
import asyncio, sys
from zenoo_fast.engine.pool import TransportSpec, WorkerPool
from zenoo_fast.transports.base import Call, Connection
async def run():
    pool = WorkerPool(TransportSpec("echo_transport:EchoTransport", Connection("http://x", secret="s")), 2)
    await pool.open()
    print("kind", (await pool.call(Call("m", "echo"))).kind.value)
    await pool.close()
asyncio.run(run())

"""


@pytest.mark.parametrize("caller", ["script without guard", "python -c", "stdin", "repl"])
def test_workers_start_from_any_caller(caller, tmp_path):
    helpers = str(Path(__file__).parents[2] / "helpers")
    environment = {**os.environ, "PYTHONPATH": helpers}
    arguments, text = {
        "script without guard": ([str(tmp_path / "script.py")], None),
        "python -c": (["-c", SCRIPT], None),
        "stdin": (["-"], SCRIPT),
        "repl": (["-i", "-q"], SCRIPT.replace("    await pool.close()\n", "    await pool.close()\n\n")),
    }[caller]
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, *arguments],
        input=text or "",
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert done.stdout.count("kind committed") == 1, done.stderr
