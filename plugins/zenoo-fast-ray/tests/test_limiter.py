"""Imports whose places are leases: many tasks' worth of them in one loop, against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.crew import Control
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.importing import import_records
from zenoo_fast.sandbox import Fault, Faults, Sandbox
from zenoo_fast.transports.base import Call
from zenoo_fast_ray.block import Leased
from zenoo_fast_ray.leases import Leases, Made
from zenoo_fast_ray.ledger import Ledger
from zenoo_fast_ray.limiter import ClusterLimiter, LeasedTransport, OfficeError

SLOW = Faults([Fault("delay", seconds=0.03)])


class Near:
    """An office without a cluster."""

    def __init__(self, leases: Leases, ledger: Ledger, task: int) -> None:
        self.seconds = leases.seconds
        self.leases, self.ledger, self.task, self.attempt = leases, ledger, task, f"attempt {task}"
        self.gone = False
        ledger.begin(task, f"{task}", 1, self.attempt)

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.gone:
            raise OfficeError("the office is gone")

    async def sending(self) -> str:
        await self._answer()
        return self.ledger.sending(self.task, self.attempt)

    async def acquire(self) -> int:
        while True:
            await self._answer()
            lease = await self.leases.acquire(self.attempt, 0.05)
            if lease is not None:
                return lease

    async def renew(self, leases: Sequence[int]) -> tuple[list[int], str]:
        await self._answer()
        return self.leases.renew(self.attempt, leases), self.ledger.stopped

    def release(self, lease: int, made: Sequence[Made]) -> None:
        self.leases.release(lease, made)

    def leave(self) -> None:
        self.leases.leave(self.attempt)


async def client_of(server: Sandbox) -> ZenooClient:
    client = ZenooClient(server.url)
    await client.login_with_api_key(server.database, server.login, server.api_key)
    return client


async def busy(server: Sandbox) -> None:
    while server.calls < 10:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.01)


async def run(office: Near, client: ZenooClient, count: int = 200, **options: Any) -> ImportReport:
    records = [{"name": f"{office.task} {number}", "ref": f"{office.task}-{number}"} for number in range(count)]
    control = Control()
    async with ClusterLimiter(office, control) as limiter:
        return await import_records(
            Leased(client, limiter),
            "res.partner",
            records,
            chunk_size=20,
            concurrency=limiter,
            control=control,
            **options,
        )


async def test_many_imports_never_make_more_calls_than_there_are_places() -> None:
    leases, ledger = Leases(3, 30), Ledger(repeatable=True)
    async with Sandbox(faults=SLOW) as server, await client_of(server) as client:
        server.most_in_flight = 0
        options = {"idempotent": True, "key": ["ref"]}
        reports = await asyncio.gather(*(run(Near(leases, ledger, task), client, **options) for task in range(5)))
        assert [(one.created, one.stopped) for one in reports] == [(200, "")] * 5
        assert (server.most_in_flight, leases.most, leases.lent, leases.lapsed) == (3, 3, 0, 0)


async def test_the_limit_learns_from_every_import() -> None:
    leases, ledger = Leases("auto", 30), Ledger(repeatable=True)
    start = leases.limit
    async with Sandbox(faults=SLOW) as server, await client_of(server) as client:
        await asyncio.gather(*(run(Near(leases, ledger, task), client, 400) for task in range(3)))
        assert leases.limit > start


async def test_an_import_whose_office_goes_stops_and_adds_up() -> None:
    leases, ledger = Leases(2, 0.4), Ledger(repeatable=False)
    async with Sandbox(faults=SLOW) as server, await client_of(server) as client:
        office = Near(leases, ledger, 0)
        running = asyncio.create_task(run(office, client, 4000))
        await busy(server)
        office.gone = True
        report = await running
        assert report.stopped == "the office is gone"
        assert report.not_read
        assert report.adds_up
        assert 0 < report.created < 4000
        assert report.created == await client.search_count("res.partner", [("ref", "=like", "0-%")])


async def test_an_import_that_was_taken_over_sends_nothing() -> None:
    leases, ledger = Leases(2, 30), Ledger(repeatable=False)
    async with Sandbox() as server, await client_of(server) as client:
        office = Near(leases, ledger, 0)
        ledger.begin(0, "0", 1, "another attempt")
        report = await run(office, client)
        assert (report.created, report.requests) == (0, 0)
        assert "another attempt" in report.stopped
        assert leases.lent == 0


async def test_a_stop_reaches_imports_under_way() -> None:
    leases, ledger = Leases(2, 0.2), Ledger(repeatable=False)
    async with Sandbox(faults=SLOW) as server, await client_of(server) as client:
        running = asyncio.create_task(run(Near(leases, ledger, 0), client, 20_000))
        await busy(server)
        ledger.stop("enough")
        report = await running
        assert (report.stopped, report.adds_up) == ("enough", True)
        assert report.created < 20_000


async def test_a_lost_lease_is_made_good_for_before_the_next_call() -> None:
    """The task was taken for dead and was not: it goes on with a new lease."""
    leases, ledger = Leases(1, 0.2), Ledger(repeatable=True)
    async with Sandbox() as server, await client_of(server) as client:
        office = Near(leases, ledger, 0)
        async with ClusterLimiter(office, Control()) as limiter:
            await limiter.acquire()
            transport = LeasedTransport(client.transport, limiter)
            leases.leave(office.attempt)
            other = await leases.acquire("other", 1)
            assert other is not None
            asked = asyncio.create_task(transport.call(Call("res.partner", "search_count", {"domain": []})))
            await asyncio.sleep(0.3)
            # The beat has told that the lease is lost; the other one lapses, since it gives no sign of life.
            outcome = await asyncio.wait_for(asked, 5)
            assert outcome.kind == "committed"
            assert leases.lent == 1
            limiter.release()
        assert leases.lent == 0
