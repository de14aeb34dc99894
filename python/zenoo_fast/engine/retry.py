"""When a call may be sent again: exponential backoff with full jitter, under a budget for the whole run."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Delays that grow and scatter: ``uniform(0, min(cap, base * 2 ** attempt))``.

    Args:
        base: Seconds, the first delay's bound.
        cap: Seconds, every delay's bound.
        uniform: Source of chance: ``uniform(low, high)``.
    """

    def __init__(
        self, base: float = 0.5, cap: float = 30.0, uniform: Callable[[float, float], float] = random.uniform
    ) -> None:
        self.base = base
        self.cap = cap
        self._uniform = uniform

    def delay(self, attempt: int, retry_after: float | None = None) -> float:
        """Seconds to wait before sending again.

        Args:
            attempt: 0 before the first repetition.
            retry_after: What the server asked for: never less than that.
        """
        delay = self._uniform(0.0, min(self.cap, self.base * 2.0 ** min(attempt, 60)))
        return delay if retry_after is None else max(retry_after, delay)


class RetryBudget:
    """Bounds the repetitions of a run, so that a server in trouble is not given more of it.

    Args:
        ratio: Repetitions allowed per call.
        floor: Repetitions allowed whatever the number of calls.
    """

    def __init__(self, ratio: float = 0.1, floor: int = 10) -> None:
        self.ratio = ratio
        self.floor = floor
        self.calls = 0
        self.taken = 0

    def called(self) -> None:
        """A call was sent for the first time."""
        self.calls += 1

    def take(self) -> bool:
        """Take one repetition; ``False`` where none is left."""
        if self.taken >= self.floor + self.ratio * self.calls:
            return False
        self.taken += 1
        return True
