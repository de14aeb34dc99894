"""What every transport must hold, on the sandbox and behind a proxy that breaks connections."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from zenoo_fast._core import Layout, Schema
from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind
from zenoo_fast.importing import import_records
from zenoo_fast.plugins import manager
from zenoo_fast.plugins.registry import Entry
from zenoo_fast.sandbox import Fault, FaultProxy, ProxyFault, Sandbox
from zenoo_fast.transports.base import Call, Connection, LogsIn, Transport

MODEL = "res.partner"
_USER = 2


class TransportSuite:
    """Subclass it under a name that begins with ``Test`` and say which transport.

    Attributes:
        transport: Its class, its registered name, or ``module:attr``.
        options: Keywords it is made with.
        secret_is_key: It logs in with an API key.
        exact_names: It carries the exceptions' names and the HTTP status of an answer exactly, as far as they go into
            an outcome; switch it off for protocols that do not tell them.
    """

    transport: ClassVar[str | Callable[..., Transport]]
    options: ClassVar[Mapping[str, Any]] = {}
    secret_is_key: ClassVar[bool] = True
    exact_names: ClassVar[bool] = True

    # ---- what the tests are made of ------------------------------------------------------------------------------

    def entry(self) -> Entry:
        """The transport as it is registered."""
        wanted = type(self).transport
        if isinstance(wanted, str):
            return manager.get("transport", wanted)
        return Entry("transport", wanted.__name__, "", wanted)

    def connection(self, sandbox: Sandbox, url: str | None = None, **changes: Any) -> Connection:
        """Where and as whom."""
        found = Connection(
            url or sandbox.url,
            sandbox.database,
            sandbox.login,
            sandbox.api_key if self.secret_is_key else sandbox.password,
            uid=_USER,
            is_api_key=self.secret_is_key,
            timeout=20.0,
        )
        return dataclasses.replace(found, **changes)

    @asynccontextmanager
    async def opened(self, sandbox: Sandbox, url: str | None = None, **changes: Any) -> AsyncIterator[Transport]:
        """A transport that is open."""
        transport: Transport = self.entry().make(self.connection(sandbox, url, **changes), **self.options)
        await transport.open()
        try:
            yield transport
        finally:
            await transport.close()

    async def through(self, *faults: ProxyFault, **changes: Any) -> Outcome:
        """The outcome of a create whose connection meets these faults."""
        async with (
            Sandbox() as sandbox,
            FaultProxy(sandbox.url, sequence=faults) as proxy,
            self.opened(sandbox, proxy.url, **changes) as transport,
        ):
            return await transport.call(_create([{"name": "through the proxy"}]))

    async def answered(self, fault: Fault) -> Outcome:
        """The outcome of a create that the server answers so."""
        async with Sandbox() as sandbox, self.opened(sandbox) as transport:
            sandbox.faults.plan.append(fault)
            return await transport.call(_create([{"name": "faulty"}]))

    # ---- calls that succeed --------------------------------------------------------------------------------------

    def test_creates_and_reads_back(self) -> None:
        """Ids come in order, and values arrive as they were."""
        records: list[dict[str, Any]] = [
            {"name": 'Ünï "quoted" \\ <&> 漢字 🎉', "color": 7, "partner_latitude": -12.5, "is_company": True},
            {"name": "line\nbreak\ttab", "email": False, "comment": "<p>a &amp; b</p>"},
            {"name": "  spaces  ", "category_id": [[0, 0, {"name": "made inside"}]]},
        ]

        async def body() -> None:
            async with Sandbox() as sandbox, self.opened(sandbox) as transport:
                outcome = await transport.call(_create(records))
                assert outcome.kind is OutcomeKind.COMMITTED, outcome
                ids = outcome.value()
                assert isinstance(ids, list), ids
                assert len(ids) == 3, ids
                fields = ["name", "color", "partner_latitude", "is_company", "email", "category_id"]
                read = (await transport.call(Call(MODEL, "read", {"ids": ids, "fields": fields}))).value()
                assert [one["name"] for one in read] == [one["name"] for one in records]
                assert (read[0]["color"], read[0]["partner_latitude"], read[0]["is_company"]) == (7, -12.5, True)
                assert read[1]["email"] is False
                assert len(read[2]["category_id"]) == 1

        asyncio.run(body())

    def test_carries_load(self) -> None:
        """The fields and rows of ``load``, and its answer."""
        schema = Schema(MODEL, {"name": {"type": "char"}, "ref": {"type": "char"}})
        rows = Layout(schema, shape="load").extract([{"name": "one", "ref": "1"}, {"name": "two", "ref": "2"}]).chunk

        async def body() -> None:
            async with Sandbox() as sandbox, self.opened(sandbox) as transport:
                call = Call(MODEL, "load", {"fields": rows.fields, "data": rows})
                answer = (await transport.call(call)).value()
                assert len(answer["ids"]) == 2, answer

        asyncio.run(body())

    def test_carries_the_context(self) -> None:
        """A call's context reaches the method."""

        async def body() -> None:
            async with Sandbox() as sandbox, self.opened(sandbox) as transport:
                made = await transport.call(_create([{"name": "x"}], {"default_city": "Ulm"}))
                read = await transport.call(Call(MODEL, "read", {"ids": made.value(), "fields": ["city"]}))
                assert read.value()[0]["city"] == "Ulm"

        asyncio.run(body())

    def test_carries_many_calls_at_once(self) -> None:
        """Every call gets its own answer."""

        async def body() -> None:
            async with Sandbox() as sandbox, self.opened(sandbox) as transport:
                calls = [transport.call(_create([{"name": f"number {number}"}])) for number in range(40)]
                ids = [outcome.value()[0] for outcome in await asyncio.gather(*calls)]
                assert len(set(ids)) == 40
                read = (await transport.call(Call(MODEL, "read", {"ids": ids, "fields": ["name"]}))).value()
                assert [one["name"] for one in read] == [f"number {number}" for number in range(40)]

        asyncio.run(body())

    def test_opens_and_closes_more_than_once(self) -> None:
        """`open` and `close` are idempotent, and a call opens what is not open."""

        async def body() -> None:
            async with Sandbox() as sandbox:
                transport: Transport = self.entry().make(self.connection(sandbox), **self.options)
                await transport.close()
                await transport.open()
                await transport.open()
                assert (await transport.call(_create([{"name": "x"}]))).kind is OutcomeKind.COMMITTED
                await transport.close()
                await transport.close()

        asyncio.run(body())

    # ---- calls that the server refuses ---------------------------------------------------------------------------

    def test_tells_refused_data(self) -> None:
        """A record that the server refuses: nothing is stored, the message is the server's."""

        async def body() -> None:
            async with Sandbox() as sandbox, self.opened(sandbox) as transport:
                outcome = await transport.call(_create([{"name": "good"}, {"email": "has no name"}]))
                assert (outcome.kind, outcome.action) == (OutcomeKind.REFUSED, Action.FIND_ROWS), outcome
                assert outcome.error is not None
                assert "name" in outcome.error.message
                count = await transport.call(Call(MODEL, "search_count", {"domain": [["name", "=", "good"]]}))
                assert count.value() == 0

        asyncio.run(body())

    def test_tells_an_error_of_the_servers_code(self) -> None:
        """A ValueError of a method is found among the rows, too."""

        async def body() -> None:
            async with Sandbox() as sandbox, self.opened(sandbox) as transport:
                outcome = await transport.call(_create([{"name": "x", "no_such_field": 1}]))
                assert (outcome.kind, outcome.action) == (OutcomeKind.REFUSED, Action.FIND_ROWS), outcome
                assert outcome.error is not None
                assert "no_such_field" in outcome.error.message

        asyncio.run(body())

    def test_tells_a_transient_refusal(self) -> None:
        """A serialization failure was rolled back and may be sent again."""
        outcome = asyncio.run(self.answered(Fault("error")))
        assert (outcome.kind, outcome.action) == (OutcomeKind.REFUSED, Action.RETRY), outcome

    def test_tells_a_wrong_secret(self) -> None:
        """No record of the run can succeed."""

        async def body() -> None:
            async with Sandbox() as sandbox, self.opened(sandbox, secret="wrong-secret-42") as transport:  # noqa: S106
                outcome = await transport.call(_create([{"name": "x"}]))
                assert (outcome.kind, outcome.action) == (OutcomeKind.NOT_EXECUTED, Action.STOP), outcome
                assert "wrong-secret-42" not in f"{outcome!r}{transport!r}"

        asyncio.run(body())

    def test_does_not_take_nonsense_for_success(self) -> None:
        """No such model, no such method: anything but committed."""

        async def body() -> None:
            async with Sandbox() as sandbox, self.opened(sandbox) as transport:
                for call in (Call("no.such.model", "create", {"vals_list": []}), Call(MODEL, "no_such_method")):
                    outcome = await transport.call(call)
                    assert outcome.kind is not OutcomeKind.COMMITTED, outcome
                    assert outcome.error is not None
                    assert outcome.error.message

        asyncio.run(body())

    def test_refuses_a_value_it_cannot_carry(self) -> None:
        """As a server would: some record is at fault. It does not raise."""

        async def body() -> None:
            async with Sandbox() as sandbox, self.opened(sandbox) as transport:
                outcome = await transport.call(Call(MODEL, "create", {"vals_list": [{"name": object()}]}))
                assert (outcome.kind, outcome.action) == (OutcomeKind.REFUSED, Action.FIND_ROWS), outcome

        asyncio.run(body())

    # ---- servers and networks that fail --------------------------------------------------------------------------

    def test_tells_a_server_that_is_not_there(self) -> None:
        """Refused connections were not executed and may be tried again."""

        async def body() -> None:
            async with Sandbox() as sandbox:
                connection = self.connection(sandbox)
            transport: Transport = self.entry().make(connection, **self.options)
            await transport.open()
            outcome = await transport.call(_create([{"name": "x"}]))
            await transport.close()
            assert (outcome.kind, outcome.action) == (OutcomeKind.NOT_EXECUTED, Action.RETRY), outcome

        asyncio.run(body())

    def test_a_lost_answer_is_in_doubt(self) -> None:
        """The server ran the call, and nobody knows: never not_executed, never refused."""
        faults = (
            ProxyFault("lose-answer"),
            ProxyFault("reset-after"),
            ProxyFault("reset-middle"),
            ProxyFault("garbage"),
        )
        for fault in faults:
            outcome = asyncio.run(self.through(fault))
            assert (outcome.kind, outcome.action) == (OutcomeKind.IN_DOUBT, Action.RETRY), (fault, outcome)

    def test_an_answer_that_is_nonsense_is_in_doubt(self) -> None:
        """The server ran the call and answered something that cannot be read: in doubt, or a result that cannot be."""
        outcome = asyncio.run(self.answered(Fault("garbage")))
        if outcome.kind is OutcomeKind.COMMITTED:
            with pytest.raises(ValueError):  # noqa: PT011 - what `Outcome.value` raises
                outcome.value()
        else:
            assert outcome.kind is OutcomeKind.IN_DOUBT, outcome

    def test_an_answer_without_end_is_given_up(self) -> None:
        """Answers are bounded."""
        outcome = asyncio.run(self.through(ProxyFault("endless"), max_answer_bytes=100_000))
        assert outcome.kind is OutcomeKind.IN_DOUBT, outcome

    def test_no_answer_in_time_is_in_doubt(self) -> None:
        """The call's own timeout holds."""

        async def body() -> Outcome:
            async with Sandbox() as sandbox, self.opened(sandbox) as transport:
                sandbox.faults.plan.append(Fault("delay", seconds=30))
                call = dataclasses.replace(_create([{"name": "x"}]), timeout=0.3)
                async with asyncio.timeout(15):
                    return await transport.call(call)

        assert asyncio.run(body()).kind is OutcomeKind.IN_DOUBT

    def test_tells_the_status_of_a_proxy(self) -> None:
        """What a proxy answers in the server's place."""
        for status, retry_after, wanted in (
            (503, 2, (OutcomeKind.NOT_EXECUTED, Action.RETRY)),
            (502, None, (OutcomeKind.IN_DOUBT, Action.RETRY)),
            (504, None, (OutcomeKind.IN_DOUBT, Action.RETRY)),
            (413, None, (OutcomeKind.NOT_EXECUTED, Action.SPLIT)),
            (404, None, (OutcomeKind.NOT_EXECUTED, Action.STOP)),
        ):
            fault = ProxyFault("status", status=status, retry_after=retry_after)
            outcome = asyncio.run(self.through(fault))
            if self.exact_names:
                assert (outcome.kind, outcome.action) == wanted, (status, outcome)
                assert outcome.retry_after == retry_after
            assert outcome.kind in {OutcomeKind.NOT_EXECUTED, OutcomeKind.IN_DOUBT}, (status, outcome)

    def test_a_cancelled_call_leaves_it_usable(self) -> None:
        """Being cancelled is the only way out of `call` without an outcome."""

        async def body() -> None:
            async with Sandbox() as sandbox, self.opened(sandbox) as transport:
                sandbox.faults.plan.append(Fault("delay", calls=(1,), method="create", seconds=30))
                task = asyncio.create_task(transport.call(_create([{"name": "x"}])))
                while not sandbox.calls:  # noqa: ASYNC110 - the server has no event to wait for
                    await asyncio.sleep(0.01)
                task.cancel()
                await asyncio.wait({task})
                assert task.cancelled()
                assert (await transport.call(_create([{"name": "y"}]))).kind is OutcomeKind.COMMITTED

        asyncio.run(body())

    # ---- in a run ------------------------------------------------------------------------------------------------

    def test_imports_without_workers(self) -> None:
        """A whole import in this process, with a refused record and a fault or two."""
        asyncio.run(self._import(0))

    def test_imports_with_workers(self) -> None:
        """The same in two worker processes, which make the transport from ``module:attr``."""
        asyncio.run(self._import(2))

    async def _import(self, workers: int) -> None:
        entry = self.entry()
        wanted = entry.spec() if not entry.plugin else entry.name
        records: list[dict[str, Any]] = [{"name": f"record {number}", "color": number % 9} for number in range(600)]
        records[123]["country_id"] = 999_999_999
        async with Sandbox() as sandbox, ZenooClient(sandbox.url, transport=wanted) as client:
            log_in = client.login_with_api_key if self.secret_is_key else client.login
            await log_in(sandbox.database, sandbox.login, sandbox.api_key if self.secret_is_key else sandbox.password)
            sandbox.faults.plan += [Fault("error", calls=(2,), method="create")]
            report = await import_records(client, MODEL, records, chunk_size=100, concurrency=2, workers=workers)
            counts = (report.read, report.created, report.rejected, report.unknown)
            assert counts == (600, 599, 1, 0), (counts, report.stopped, list(report.rejects))
            assert report.adds_up
            assert [one.row for one in report.rejects] == [123]
            assert await client.search_count(MODEL, [("name", "=like", "record %")]) == 599

    def test_logs_in_where_it_says_so(self) -> None:
        """A transport with `common` is asked who somebody is."""

        async def body() -> None:
            async with Sandbox() as sandbox:
                made = self.entry().make(self.connection(sandbox, uid=None), **self.options)
                if not isinstance(made, LogsIn):
                    return
                version = (await made.common("version", [])).value()
                uid = (await made.common("login", [sandbox.database, sandbox.login, sandbox.password])).value()
                nobody = (await made.common("login", [sandbox.database, sandbox.login, "wrong"])).value()
                await made.close()
                assert (version["server_version"], uid, nobody) == ("19.0", _USER, False)

        asyncio.run(body())


def _create(records: list[dict[str, Any]], context: Mapping[str, Any] | None = None) -> Call:
    """A create whose records are serialised, as in a run."""
    block = Layout().extract(records, max_rows=len(records) + 1)
    assert not block.rejects, block.rejects
    return Call(MODEL, "create", {"vals_list": block.chunk}, context)
