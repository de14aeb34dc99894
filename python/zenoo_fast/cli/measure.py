"""Measures a server: makes scratch records in calls of different shapes, and deletes them again."""

from __future__ import annotations

import statistics
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zenoo_fast.exceptions import ConfigurationError, ZenooError

if TYPE_CHECKING:
    from zenoo_fast.client import ZenooClient
    from zenoo_fast.engine.outcome import Outcome
    from zenoo_fast.engine.report import ImportReport
    from zenoo_fast.progress.base import Progress, RunInfo

CHUNK_SIZES = (20, 50, 100, 200, 500, 1000, 2000, 5000)
CONCURRENCIES = (2, 3, 4, 6, 8, 12, 16)
LONGEST_CALL = 10.0
"""Seconds; larger chunks are not tried where a call takes longer: servers end calls after some time."""
_WORSE = 0.9
_BETTER = 1.03
_WARM_UP = 20
_DELETED_AT_ONCE = 500
_EVERYTHING = {"active_test": False}


@dataclass(frozen=True, slots=True)
class Cell:
    """One shape of calls, measured.

    Attributes:
        chunk_size: Records a call.
        concurrency: Calls at once.
        records: How many were made.
        rate: Records a second.
        call_seconds: Median time of a call.
        retries: Calls that had to be sent again.
    """

    chunk_size: int
    concurrency: int
    records: int
    rate: float
    call_seconds: float
    retries: int


@dataclass(slots=True)
class Measured:
    """What came of it.

    Attributes:
        model: Model name.
        fields: Fields that the scratch records had.
        cells: In the order they were measured.
        deleted: Scratch records that were made and deleted.
    """

    model: str
    fields: list[str]
    cells: list[Cell] = field(default_factory=list)
    deleted: int = 0

    @property
    def best(self) -> Cell:
        """The highest rate; of nearly equal ones the gentlest to the server."""
        top = max(cell.rate for cell in self.cells)
        near = [cell for cell in self.cells if cell.rate * _BETTER >= top]
        return min(near, key=lambda cell: (cell.concurrency, cell.chunk_size))


class _Latencies:
    """A reporter that only wants to know how long calls took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def start(self, run: RunInfo, /) -> None:
        """Nothing."""

    def update(self, progress: Progress, /) -> None:
        """Nothing."""

    def finish(self, report: ImportReport, /) -> None:
        """Nothing."""

    def called(self, outcome: Outcome, records: int, /) -> None:
        """One call."""
        del records
        self.seconds.append(outcome.seconds)


class Bench:
    """Finds the best shape of calls.

    Args:
        client: Logged in.
        model: Model to make scratch records of.
        seconds: What one measurement should take.
        most: Records at most in one measurement.
        told: Told of every cell.
    """

    def __init__(
        self, client: ZenooClient, model: str, *, seconds: float, most: int, told: Callable[[Cell], None]
    ) -> None:
        self.client = client
        self.marker = f"zenoo-fast bench {uuid.uuid4().hex[:12]}"
        self._seconds, self._most, self._told = seconds, most, told
        self._values: dict[str, Any] = {}
        self._mark = ""
        self.measured = Measured(model, [])

    async def run(self) -> Measured:
        """Measure, and delete what was made, whatever happens.

        Raises:
            ConfigurationError: Scratch records of this model cannot be made up or not be deleted again.
            ZenooError: The server refuses, or records stay behind; the message says how to find them.
        """
        fields = await self.client.get_model_fields(self.measured.model)
        self._mark = _text_field(self.measured.model, fields)
        self._values = await self._required(fields)
        self.measured.fields = [self._mark, *self._values]
        try:
            warm = await self._cell(_WARM_UP, 1, _WARM_UP)
            await self._delete()  # where that is refused, nothing more is made
            await self._climb(warm.rate)
        except BaseException:
            await self._delete()
            raise
        return self.measured

    async def _climb(self, rate: float) -> None:
        """Larger chunks one at a time until that is slower; then more at once, with the best sizes."""
        alone: list[Cell] = []
        for size in CHUNK_SIZES:
            if size * CONCURRENCIES[0] > self._most:
                break
            alone.append(await self._measure(size, 1, rate))
            rate = alone[-1].rate
            best = max(cell.rate for cell in alone)
            slower = len(alone) > 2 and max(cell.rate for cell in alone[-2:]) < best * _WORSE
            if slower or alone[-1].call_seconds > LONGEST_CALL:
                break
        size = Measured("", [], alone).best.chunk_size
        best = max(cell.rate for cell in alone if cell.chunk_size == size)
        for concurrency in CONCURRENCIES:
            if size * concurrency > self._most:
                break
            cell = await self._measure(size, concurrency, best)
            if cell.rate < best * _BETTER and concurrency > CONCURRENCIES[0]:
                break
            best = max(best, cell.rate)

    async def _measure(self, size: int, concurrency: int, rate: float) -> Cell:
        # Enough that every place in flight is taken three times.
        count = min(self._most, max(int(rate * self._seconds), 3 * size * concurrency))
        cell = await self._cell(size, concurrency, count)
        await self._delete()
        self.measured.cells.append(cell)
        self._told(cell)
        return cell

    async def _cell(self, size: int, concurrency: int, count: int) -> Cell:
        from zenoo_fast.importing import import_records

        latencies = _Latencies()
        rows = [{self._mark: f"{self.marker} {row}", **self._values} for row in range(count)]
        report = await import_records(
            self.client,
            self.measured.model,
            rows,
            chunk_size=size,
            concurrency=concurrency,
            workers=0,
            on_reject="stop",
            progress=latencies,
        )
        if report.stopped or report.created != count:
            why = report.stopped or report.unknown_reason or "some records did not go in"
            raise ZenooError(f"{self.measured.model}: scratch records cannot be made: {why}")
        median = statistics.median(latencies.seconds)
        return Cell(size, concurrency, count, report.rows_per_second, median, report.retries)

    async def _delete(self) -> None:
        """Delete all scratch records: those are found by their marker, so that none is forgotten."""
        model, domain = self.measured.model, [[self._mark, "=like", f"{self.marker} %"]]
        ids = await self.client.search(model, domain, context=_EVERYTHING)
        try:
            for start in range(0, len(ids), _DELETED_AT_ONCE):
                await self.client.unlink(model, ids[start : start + _DELETED_AT_ONCE])
        except ZenooError as error:
            raise ZenooError(
                f"{model}: scratch records cannot be deleted, they are those with {self._mark} like "
                f"{self.marker!r}: {error.message}"
            ) from error
        self.measured.deleted += len(ids)

    async def _required(self, fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Values for the required fields that have no default."""
        model = self.measured.model
        wanted = [name for name, facts in fields.items() if facts.get("required") and not facts.get("readonly")]
        wanted = [name for name in wanted if name != self._mark]
        defaults = await self.client.execute_kw(model, "default_get", [wanted]) if wanted else {}
        values = {}
        for name in wanted:
            if defaults.get(name) in (None, False, "") and fields[name]["type"] != "boolean":
                values[name] = await self._value(name, fields[name])
        return values

    async def _value(self, name: str, facts: Mapping[str, Any]) -> Any:
        kind = facts["type"]
        if kind == "many2one":
            some = await self.client.search(str(facts["relation"]), [], limit=1)
            if some:
                return some[0]
        elif kind == "selection" and facts.get("selection"):
            return facts["selection"][0][0]
        elif kind in _PLAIN:
            return _PLAIN[kind]
        raise ConfigurationError(
            f"{self.measured.model}: no value can be made up for the required field {name} ({kind})"
        )


_PLAIN: Mapping[str, Any] = {
    "char": "x",
    "text": "x",
    "html": "<p>x</p>",
    "integer": 1,
    "float": 1.0,
    "monetary": 1.0,
    "date": "2020-01-01",
    "datetime": "2020-01-01 00:00:00",
}


def _text_field(model: str, fields: Mapping[str, Mapping[str, Any]]) -> str:
    """The field that marks the scratch records as ours: the name, or a required text, or any."""
    texts = [
        name
        for name, facts in fields.items()
        if facts["type"] == "char" and not facts.get("readonly") and facts.get("store", True)
    ]
    for name in sorted(texts, key=lambda one: (one != "name", not fields[one].get("required"), one)):
        size = fields[name].get("size")
        if not size or size >= 64:
            return name
    raise ConfigurationError(f"{model} has no text field to know scratch records by: measure another model")
