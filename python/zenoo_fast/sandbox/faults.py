"""Faults that the sandbox makes on request."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["close-before", "close-after", "status", "garbage", "error", "load-message", "delay"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do to which call.

    Attributes:
        kind: `close-before` and `close-after` (the commit) answer nothing; `status` answers `status`; `error` answers the
            Odoo error `name`; `load-message` puts `message` into a refused `load`; `delay` waits `seconds`.
        calls: Numbers of the calls (from 1) of `method` that it meets; empty for any.
        method: Only calls of this method.
        matching: Only calls whose body holds this text.
        probability: Chance of each such call, from the seeded generator.
        status: HTTP status.
        retry_after: Seconds in `Retry-After`.
        name: Qualified name of the error.
        message: Its text.
        seconds: Latency.
    """  # noqa: E501

    kind: Kind
    calls: tuple[int, ...] = ()
    method: str = ""
    matching: str = ""
    probability: float = 1.0
    status: int = 503
    retry_after: float | None = None
    name: str = "psycopg2.errors.SerializationFailure"
    message: str = "could not serialize access due to concurrent update\n"
    seconds: float = 0.0


@dataclass
class Faults:
    """A plan of faults, the same for the same seed and order of calls."""

    plan: list[Fault] = field(default_factory=list)
    seed: int = 0
    made: list[tuple[int, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - a schedule, not a secret
        self._counts: dict[str, int] = {}

    def choose(self, method: str, body: bytes) -> list[Fault]:
        """Faults that meet this call; counts it."""
        for name in {"", method}:
            self._counts[name] = self._counts.get(name, 0) + 1
        chosen = [fault for fault in self.plan if self._meets(fault, method, body)]
        self.made.extend((self._counts[""], method, fault.kind) for fault in chosen)
        return chosen

    def _meets(self, fault: Fault, method: str, body: bytes) -> bool:
        if fault.method and fault.method != method:
            return False
        if fault.matching and fault.matching.encode() not in body:
            return False
        if fault.calls and self._counts[fault.method] not in fault.calls:
            return False
        return fault.probability >= 1 or self._random.random() < fault.probability

    def replace(self, plan: list[dict[str, Any]], seed: int = 0) -> None:
        """Start a new plan, given as plain data."""
        self.plan = [Fault(**{**one, "calls": tuple(one.get("calls", ()))}) for one in plan]
        self.seed = seed
        self.made.clear()
        self.__post_init__()
