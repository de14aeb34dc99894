"""The two named Ray actors of a write, and how tasks and driver find them: the cluster's limit, and the ledger."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast_ray.leases import Leases, Limit, Made
from zenoo_fast_ray.ledger import Begun, Entry, Ledger
from zenoo_fast_ray.limiter import OfficeError
from zenoo_fast_ray.result import BlockResult

NAMESPACE = "zenoo_fast"
LEASE_SECONDS = 30.0
_CALLS_AT_ONCE = 100_000
"""Waiting for a place is a call under way: as many as a cluster has tasks, and their signs of life beside."""


class LimiterActor:
    """`Leases` for everybody in the cluster."""

    def __init__(self, limit: Limit, seconds: float) -> None:
        self._leases = Leases(limit, seconds)

    async def seconds(self) -> float:
        """See `Leases.seconds`."""
        return self._leases.seconds

    async def acquire(self, owner: str) -> int | None:
        """See `Leases.acquire`; asks to be asked again before the owner would count as silent."""
        return await self._leases.acquire(owner, self._leases.seconds / 3)

    async def renew(self, owner: str, leases: Sequence[int]) -> list[int]:
        """See `Leases.renew`."""
        return self._leases.renew(owner, leases)

    async def release(self, lease: int, made: Sequence[Made]) -> None:
        """See `Leases.release`."""
        self._leases.release(lease, made)

    async def leave(self, owner: str) -> None:
        """See `Leases.leave`."""
        self._leases.leave(owner)

    async def facts(self) -> dict[str, int]:
        """Places now, places lent now and at most, leases taken back from the dead."""
        leases = self._leases
        return {"limit": leases.limit, "lent": leases.lent, "most": leases.most, "lapsed": leases.lapsed}


class LedgerActor:
    """`Ledger` for the tasks of one write and its driver."""

    def __init__(self, *, repeatable: bool) -> None:
        self._ledger = Ledger(repeatable=repeatable)

    async def begin(self, task: int, digest: str, rows: int, attempt: str) -> Begun:
        """See `Ledger.begin`."""
        return self._ledger.begin(task, digest, rows, attempt)

    async def sending(self, task: int, attempt: str) -> str:
        """See `Ledger.sending`."""
        return self._ledger.sending(task, attempt)

    async def stopped(self) -> str:
        """See `Ledger.stopped`."""
        return self._ledger.stopped

    async def put_rejects(self, task: int, attempt: str, data: bytes) -> None:
        """See `Ledger.put_rejects`."""
        self._ledger.put_rejects(task, attempt, data)

    async def rejects(self, task: int, number: int) -> bytes | None:
        """See `Ledger.rejects`."""
        return self._ledger.rejects(task, number)

    async def finish(self, task: int, attempt: str, result: BlockResult) -> None:
        """See `Ledger.finish`."""
        self._ledger.finish(task, attempt, result)

    async def leave(self, task: int, attempt: str) -> None:
        """See `Ledger.leave`."""
        self._ledger.leave(task, attempt)

    async def stop(self, reason: str) -> None:
        """See `Ledger.stop`."""
        self._ledger.stop(reason)

    async def entries(self) -> list[Entry]:
        """See `Ledger.entries`."""
        return self._ledger.entries()


def limiter_name(name: str) -> str:
    """Of the actor."""
    return f"zenoo-fast-limiter-{name}"


def ledger_name(run_id: str) -> str:
    """Of the actor."""
    return f"zenoo-fast-ledger-{run_id}"


def start(actor: type, name: str, *arguments: Any, detached: bool = False, **keywords: Any) -> Any:
    """Start a named actor on the node of the caller, whose end would be the actor's as well.

    Raises:
        ConfigurationError: There is one of that name.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    settings: dict[str, Any] = {
        "name": name,
        "namespace": NAMESPACE,
        "num_cpus": 0,
        "max_concurrency": _CALLS_AT_ONCE,
        "scheduling_strategy": here,
    }
    if detached:
        settings["lifetime"] = "detached"
    try:
        return ray.remote(actor).options(**settings).remote(*arguments, **keywords)
    except ValueError as error:
        raise ConfigurationError(f"there is a Ray actor {name} already: that run is under way") from error


def find(name: str) -> Any:
    """A named actor.

    Raises:
        OfficeError: It is gone.
    """
    try:
        return ray.get_actor(name, NAMESPACE)
    except (ValueError, RayError) as error:
        raise OfficeError(f"there is no Ray actor {name}: {_first_line(error)}") from error


def start_limiter(name: str, concurrency: Limit = "auto", *, lease_seconds: float = LEASE_SECONDS) -> None:
    """Start a limit that several writes share, from this job or others; it stays until `stop_limiter`.

    Args:
        name: What `OdooDatasink(limiter=name)` calls it.
        concurrency: Calls at once, of all of them together.
        lease_seconds: A task that is silent for that long is taken for dead.

    Raises:
        ConfigurationError: There is one of that name.
    """
    actor = start(LimiterActor, limiter_name(name), concurrency, lease_seconds, detached=True)
    ray.get(actor.seconds.remote())


def stop_limiter(name: str) -> None:
    """End a limit that `start_limiter` started; writes that use it stop.

    Raises:
        ZenooError: There is none.
    """
    ray.kill(find(limiter_name(name)))


class RayOffice:
    """An attempt's leases, over Ray; see `zenoo_fast_ray.limiter.Office`.

    Args:
        limiter: The actor's name.
        ledger: The actor.
        task: The task's number.
    """

    def __init__(self, limiter: str, ledger: Any, task: int) -> None:
        self.attempt = uuid.uuid4().hex
        self.seconds = LEASE_SECONDS
        self.task = task
        self._ledger = ledger
        self._limiter = find(limiter)

    async def open(self) -> None:
        """Learn how often to give signs of life."""
        self.seconds = await answer(self._limiter.seconds.remote())

    async def sending(self) -> str:
        """See `Office.sending`."""
        return str(await answer(self._ledger.sending.remote(self.task, self.attempt)))

    async def acquire(self) -> int:
        """See `Office.acquire`."""
        while True:
            lease = await answer(self._limiter.acquire.remote(self.attempt))
            if lease is not None:
                return int(lease)

    async def renew(self, leases: Sequence[int]) -> tuple[list[int], str]:
        """See `Office.renew`."""
        lost = await answer(self._limiter.renew.remote(self.attempt, list(leases)))
        return lost, str(await answer(self._ledger.stopped.remote()))

    def release(self, lease: int, made: Sequence[Made]) -> None:
        """See `Office.release`."""
        self._limiter.release.remote(lease, list(made))

    def leave(self) -> None:
        """See `Office.leave`."""
        self._limiter.leave.remote(self.attempt)


async def answer(reference: Any) -> Any:
    """What an actor answers.

    Raises:
        OfficeError: It is gone.
    """
    try:
        return await reference
    except RayError as error:
        raise OfficeError(f"the write's Ray actor is gone: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
