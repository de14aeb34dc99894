"""A task's side of the cluster's limit: every chunk in flight has a lease, and every call is made with one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from zenoo_fast.engine.crew import Control
from zenoo_fast.engine.limiter import Limiter
from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind, ServerError
from zenoo_fast.exceptions import ZenooError
from zenoo_fast.transports.base import Call, Transport
from zenoo_fast_ray.leases import Made


class OfficeError(ZenooError):
    """The cluster's limit cannot be asked any more, or the write was stopped: nothing may be sent."""


class Office(Protocol):
    """Where a task's leases come from.

    Attributes:
        seconds: A task that is silent for longer is taken for dead.
    """

    seconds: float

    async def sending(self) -> str:
        """Rows are about to be sent; answers why they must not be, or nothing.

        Raises:
            OfficeError: Nobody is there to be asked; so for all of these.
        """

    async def acquire(self) -> int:
        """Wait for a lease."""

    async def renew(self, leases: Sequence[int]) -> tuple[list[int], str]:
        """A sign of life; answers which of these leases are lost, and why the run is to stop, or nothing."""

    def release(self, lease: int, made: Sequence[Made]) -> None:
        """Give a lease back, and tell of the calls made with it. Does not wait."""

    def leave(self) -> None:
        """Give everything back. Does not wait."""


class ClusterLimiter(Limiter):
    """The places of one import, each of them a lease; an asynchronous context manager that keeps them alive.

    A chunk keeps its lease while it asks, sends and waits to send again, so that what the journal calls sent did leave.

    Args:
        office: Where leases come from.
        control: Stops the import where there are no more.
    """

    spare = False

    def __init__(self, office: Office, control: Control) -> None:
        super().__init__(1)
        self._office = office
        self._control = control
        self._free: list[int] = []
        self._used: set[int] = set()
        self._made: list[Made] = []
        self._may_send = False
        self._beats: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to give signs of life."""
        self._beats = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give everything back; where calls were abandoned, leases lapse instead: the server may still run them."""
        assert self._beats is not None
        self._beats.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._beats
        if not self._used:
            self._office.leave()

    @property
    def limit(self) -> int:
        """Places this import has, now."""
        return max(1, self.in_flight)

    def try_acquire(self) -> bool:
        """There is none to be had without asking."""
        return False

    async def acquire(self, on_wait: Callable[[asyncio.Future[None]], None] | None = None) -> None:
        """Wait for a place. One that is refused stops the import, and never comes."""
        asked = asyncio.ensure_future(self._acquire())
        if on_wait is not None:
            on_wait(asked)
        await asked

    async def _acquire(self) -> None:
        refused = ""
        try:
            lease = await self._office.acquire()
            self._free.append(lease)
            if not self._may_send:
                refused = await self._office.sending()
                self._may_send = not refused
        except OfficeError as error:
            refused = error.message
        if refused:
            self._control.stop(refused)
            await asyncio.get_running_loop().create_future()
        self.in_flight += 1

    def pass_on(self) -> bool:
        """Never: a lease goes back with every chunk, so that the cluster shares them out."""
        return False

    def release(self) -> None:
        """Give a place and its lease back."""
        self.in_flight -= 1
        if self._free and len(self._free) + len(self._used) > self.in_flight:
            self._give_back(self._free.pop())

    def observe(self, outcome: Outcome, records: int) -> None:
        """Learn from one call: told to the cluster's limit with the next lease that is given back."""
        self._made.append(Made(outcome.kind.value, outcome.action.value, outcome.seconds, records))

    async def take(self) -> int:
        """A lease for one call: that of the chunk it belongs to, or one more where none is free.

        Raises:
            OfficeError: There are no more.
        """
        lease = self._free.pop() if self._free else await self._office.acquire()
        self._used.add(lease)
        return lease

    def put(self, lease: int) -> None:
        """The call is over."""
        if lease not in self._used:
            return  # taken back meanwhile
        self._used.remove(lease)
        if len(self._free) + len(self._used) < self.in_flight:
            self._free.append(lease)
        else:
            self._give_back(lease)

    def _give_back(self, lease: int) -> None:
        made, self._made = self._made, []
        self._office.release(lease, made)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._office.seconds / 4)
            try:
                lost, stop = await self._office.renew([*self._free, *self._used])
            except OfficeError as error:
                self._control.stop(error.message)
                return
            self._used.difference_update(lost)
            self._free[:] = [one for one in self._free if one not in lost]
            if stop:
                self._control.stop(stop)


class LeasedTransport:
    """A transport each of whose calls is made with a lease.

    Args:
        transport: Carries the calls.
        limiter: Has the leases.
    """

    def __init__(self, transport: Transport, limiter: ClusterLimiter) -> None:
        self.name: str = getattr(transport, "name", type(transport).__name__)
        self._transport = transport
        self._limiter = limiter

    async def open(self) -> None:
        """See `Transport.open`."""
        await self._transport.open()

    async def call(self, call: Call, /) -> Outcome:
        """See `Transport.call`."""
        try:
            lease = await self._limiter.take()
        except OfficeError as error:
            told = ServerError("zenoo_fast_ray.NoLease", error.message)
            return Outcome(OutcomeKind.NOT_EXECUTED, error=told, action=Action.STOP)
        # Not where the call is abandoned: the server may still run it.
        outcome = await self._transport.call(call)
        self._limiter.put(lease)
        return outcome

    async def close(self) -> None:
        """See `Transport.close`."""
        await self._transport.close()
