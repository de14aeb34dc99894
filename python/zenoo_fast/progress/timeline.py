"""What happened when, in a bounded number of equal spans of time."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

MOST_SPANS = 240
_LATENCIES_KEPT = 64


@dataclass(slots=True)
class Span:
    """One span of time.

    Attributes:
        rows: Rows that came to their end in it.
        latencies: Seconds that calls took, of calls that ended in it; some of them where there were many.
        concurrency: Calls allowed in flight at its end.
        chunk_size: Records a call at its end.
        in_flight: Most calls in flight.
        failures: Calls that ended in anything but a commit.
    """

    rows: int = 0
    latencies: list[float] = field(default_factory=list)
    concurrency: int = 0
    chunk_size: int = 0
    in_flight: int = 0
    failures: int = 0

    def merge(self, later: Span) -> None:
        """Take in the span that follows."""
        self.rows += later.rows
        self.latencies = (self.latencies + later.latencies)[:: 2 if len(self.latencies) > _LATENCIES_KEPT // 2 else 1]
        self.concurrency = later.concurrency or self.concurrency
        self.chunk_size = later.chunk_size or self.chunk_size
        self.in_flight = max(self.in_flight, later.in_flight)
        self.failures += later.failures

    def latency(self, quantile: float) -> float | None:
        """Seconds that this share of the calls took at most; ``None`` where no call ended."""
        if not self.latencies:
            return None
        if len(self.latencies) == 1:
            return self.latencies[0]
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[min(98, int(quantile * 100) - 1)]


class Timeline:
    """Spans that grow with the run: a run of hours takes no more memory than one of seconds.

    Args:
        seconds: Length of a span at first.
    """

    def __init__(self, seconds: float = 0.25) -> None:
        self.seconds = seconds
        self.spans: list[Span] = []

    def at(self, seconds: float) -> Span:
        """The span that holds this moment, counted from the run's start."""
        while seconds / self.seconds >= MOST_SPANS:
            self._halve()
        number = max(0, int(seconds / self.seconds))
        while len(self.spans) <= number:
            last = self.spans[-1] if self.spans else Span()
            self.spans.append(Span(concurrency=last.concurrency, chunk_size=last.chunk_size))
        return self.spans[number]

    def _halve(self) -> None:
        self.seconds *= 2
        for first, second in zip(self.spans[::2], self.spans[1::2], strict=False):
            first.merge(second)
        self.spans = self.spans[::2]
