"""Sends one call as often as it may be sent: the waits, the budget, the outage."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from zenoo_fast.engine.breaker import Breaker
from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind, ServerError
from zenoo_fast.engine.retry import Backoff, RetryBudget
from zenoo_fast.exceptions import ZenooError
from zenoo_fast.transports.base import Call, Transport
from zenoo_fast.transports.classify import broken

_LEAST_FITTING = 50
"""Records a call that are not worth going below for good: what is larger is halved again where it must be."""


class RunStopped(ZenooError):  # noqa: N818 - a state of the run, not a fault of the sender
    """No record of this run can succeed: wrong credentials, no such model or method."""

    def __init__(self, error: ServerError, message: str = "") -> None:
        super().__init__(message or error.message, {"name": error.name, "arguments": error.arguments})
        self.error = error


@dataclass(slots=True)
class SendPolicy:
    """How much trouble a call may make.

    Attributes:
        timeout: Seconds a call may take; ``None`` takes the transport's.
        retries: How often a call may be sent again, the waits of an outage not counted.
        outage_seconds: How long a server that cannot be reached is waited for; 0 counts every failure as a retry.
        doubt_delay: Seconds before an idempotent call in doubt is sent again: the server may still be running it.
        backoff: Delays between repetitions.
        budget: Bounds the repetitions of the whole run: past it a run that waits out outages slows down, any other
            gives up.
        breaker: Holds calls while the server is away.
        sleep: Waits that many seconds.
    """

    timeout: float | None = None
    retries: int = 5
    outage_seconds: float = 0.0
    doubt_delay: float = 0.0
    backoff: Backoff = field(default_factory=Backoff)
    budget: RetryBudget = field(default_factory=RetryBudget)
    breaker: Breaker | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Caller:
    """Sends calls under a policy.

    Args:
        transport: Carries the calls.
        policy: How much trouble a call may make.
        on_call: Told of every call that carries records: its outcome and how many records.

    Attributes:
        requests: Calls sent.
        retries: Calls sent again.
        fits: Records that a call may carry, as far as the run has met a limit of the server's; ``None`` before.
        known: (model, right, or nothing for the model itself) -> the server has it, as far as that was asked.
    """

    def __init__(
        self,
        transport: Transport,
        policy: SendPolicy | None = None,
        on_call: Callable[[Outcome, int], None] | None = None,
    ) -> None:
        self.transport = transport
        self.policy = policy or SendPolicy()
        self.requests = 0
        self.retries = 0
        self.fits: int | None = None
        self._limit_seconds: float | None = None
        self._answers = False
        self.known: dict[tuple[str, str], bool] = {}
        self._on_call = on_call

    @property
    def away(self) -> bool:
        """The server cannot be reached."""
        return self.policy.breaker is not None and self.policy.breaker.paused

    def too_many(self, records: int, seconds: float) -> None:
        """So many were too many for one call: later ones begin with half of it at most.

        Args:
            records: How many it carried.
            seconds: How long it went on: the server's time limit, where it has met that.
        """
        half = max(_LEAST_FITTING, records // 2)
        self.fits = half if self.fits is None else min(self.fits, half)
        self._limit_seconds = seconds if self._limit_seconds is None else min(self._limit_seconds, seconds)

    def went_in(self, records: int, seconds: float) -> None:
        """A call that carried so many went in: twice as many may, too, where that stays far from the limit."""
        if self.fits is not None and 2 * records > self.fits and 4 * seconds < (self._limit_seconds or 0.0):
            self.fits *= 2

    def timed(self, call: Call) -> Call:
        """The call, with the policy's timeout."""
        return call if self.policy.timeout is None else replace(call, timeout=self.policy.timeout)

    async def send(self, call: Call, records: int = 0) -> Outcome:
        """Send it once, when the server is there."""
        breaker = self.policy.breaker
        if breaker is not None and breaker.paused:
            await breaker.wait()
        self.requests += 1
        try:
            told: object = await self.transport.call(call)
        except Exception as error:  # noqa: BLE001 - a plugin's transport may raise anything
            outcome = broken(self._transport_name, error)
        except BaseException:
            if breaker is not None:
                breaker.abandon()
            raise
        else:
            outcome = self._of_a_server_that_answers(self._checked(told))
        if breaker is not None:
            breaker.record(outcome)
        if self._on_call is not None and records:
            self._on_call(outcome, records)
        return outcome

    def _of_a_server_that_answers(self, outcome: Outcome) -> Outcome:
        """What no record can change at the start of a run is an outage in its middle.

        Odoo and routers before it answer "not found" as long as the database or the server is being restarted.
        """
        if outcome.kind is OutcomeKind.COMMITTED:
            self._answers = True
        elif outcome.error is not None and outcome.error.name == "http.404" and (self._answers or self.known):
            return replace(outcome, action=Action.RETRY)
        return outcome

    @property
    def _transport_name(self) -> str:
        return getattr(self.transport, "name", type(self.transport).__name__)

    def _checked(self, told: object) -> Outcome:
        """What a transport answered; one that breaks its contract leaves the call in doubt, as in a worker process."""
        if isinstance(told, Outcome):
            return told
        return broken(self._transport_name, f"answered a {type(told).__name__}, not an Outcome")

    async def may_retry(self, outcome: Outcome, attempt: int) -> bool:
        """Wait, and say whether the call may be sent again.

        Args:
            outcome: What became of it.
            attempt: How often it was sent again before.
        """
        policy = self.policy
        breaker = policy.breaker
        if breaker is not None and breaker.paused and breaker.away_seconds < policy.outage_seconds:
            # The breaker decides when; waiting for a server that is away costs no budget.
            self.retries += 1
            return True
        if attempt >= policy.retries:
            return False
        delay = policy.backoff.delay(attempt, outcome.retry_after)
        if not policy.budget.take():
            if policy.outage_seconds <= 0:
                return False
            # A patient run does not give up for want of budget: it slows down to what the server can bear.
            delay = max(delay, policy.backoff.cap)
        self.retries += 1
        if outcome.kind is OutcomeKind.IN_DOUBT:
            delay = max(delay, policy.doubt_delay)
        await policy.sleep(delay)
        return True

    async def ask(self, call: Call, what: str) -> Any:
        """Ask a question: a call that changes nothing, sent until it is answered.

        Args:
            call: The question.
            what: What cannot be done without the answer, for the message.

        Returns:
            The answer, as a Python value.

        Raises:
            RunStopped: The server refuses to answer, or is away for too long.
        """
        call = self.timed(call)
        self.policy.budget.called()
        attempt = 0
        while True:
            outcome = await self.send(call)
            if outcome.kind is OutcomeKind.COMMITTED:
                try:
                    return outcome.value()
                except (ValueError, RecursionError):
                    outcome = Outcome(OutcomeKind.IN_DOUBT, action=Action.RETRY)
            again = outcome.action is Action.RETRY or outcome.kind is OutcomeKind.IN_DOUBT
            if not again or not await self.may_retry(outcome, attempt):
                error = outcome.error or ServerError("zenoo_fast.NoAnswer", "the answer makes no sense")
                raise RunStopped(error, f"{what}: {error.message}")
            attempt += 1
