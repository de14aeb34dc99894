"""A source whose blocks have been through validators, in a thread or in the worker processes."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import logging
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Protocol, Self, TypeVar

from zenoo_fast._core import Block, Chunk, RowSet
from zenoo_fast.engine.feed import BLOCK_ROWS, BlockSource
from zenoo_fast.engine.outcome import Reject
from zenoo_fast.engine.recode import Recoder
from zenoo_fast.plugins.examine import Batch, Examiner, Findings, ValidatorError

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
SLOW_SECONDS = 3.0
"""A validator that takes longer over a block is named in a warning, once."""
_WORTH_A_PROCESS = 256


class Examining(Protocol):
    """Worker processes that hold the run's validators."""

    workers: int

    async def examine(self, validator: int, batch: Batch, /) -> Findings:
        """Have one of them look at records.

        Args:
            validator: Its place among the run's.
            batch: The records.

        Raises:
            ValidatorError: It failed.
        """


class ValidatedSource:
    """A `BlockSource` over another, whose records every validator has passed, in the given order.

    A validator that fails ends the input: the block it failed at and what comes after it stay unread.

    Args:
        source: Where blocks come from.
        examiners: The validators.
        recoder: Serialises changed records.
        processes: Where the validators run; a thread of this process without.
    """

    elsewhere = True
    """Reading is worth doing ahead: it does not take place in the loop."""
    block_rows = 2 * BLOCK_ROWS
    """Handing a block to a thread and back costs a hundred microseconds or two, however many rows it has."""

    def __init__(
        self,
        source: BlockSource,
        examiners: Sequence[Examiner],
        recoder: Recoder,
        processes: Examining | None = None,
        *,
        slow_seconds: float | None = None,
    ) -> None:
        self._source = source
        self._examiners = examiners
        self._recoder = recoder
        self._processes = processes
        self._slow_seconds = SLOW_SECONDS if slow_seconds is None else slow_seconds
        self._told_slow: set[int] = set()
        self._reader = None if inspect.iscoroutinefunction(source.read) else _Thread("zenoo-fast-reader")
        self._thread = _Thread("zenoo-fast-validator")

    @property
    def columns(self) -> list[str] | None:
        """Of the source."""
        return self._source.columns

    @property
    def position(self) -> int:
        """Of the source."""
        return self._source.position

    async def read(self, max_rows: int, max_bytes: int, skip: RowSet | None) -> Block | None:
        """The next block; see `BlockSource.read`.

        Raises:
            ValidatorError: A validator failed.
        """
        if self._reader is not None:
            found: Any = await self._reader.run(lambda: self._source.read(max_rows, max_bytes, skip))
        else:
            answer = self._source.read(max_rows, max_bytes, skip)
            found = await answer if isinstance(answer, Awaitable) else answer
        if found is None:
            return None
        block: Block = found
        chunk, rejects = block.chunk, [Reject(*one) for one in block.rejects]
        if len(chunk):
            validate = self._here if self._processes is None else self._in_processes
            with _Watch(
                self._slow_seconds, self._told_slow, [one.name for one in self._examiners], len(chunk)
            ) as watch:
                chunk, found = await validate(chunk, watch)
            rejects += found
        return _Validated(block, chunk, sorted(rejects, key=lambda one: one.row))  # type: ignore[return-value]

    def close(self) -> None:
        """Let the threads end."""
        self._thread.close()
        if self._reader is not None:
            self._reader.close()

    async def _here(self, chunk: Chunk, watch: _Watch) -> tuple[Chunk, list[Reject]]:
        """All validators one after the other, in one visit to the thread."""

        def work() -> tuple[Chunk, list[Reject]]:
            left, rejects = chunk, []
            for place, examiner in enumerate(self._examiners):
                if not len(left):
                    break
                watch.begin(place)
                with _told_rows(left):
                    left, found = self._applied(left, examiner.examine(self._batch(left)), examiner.name)
                rejects += found
            return left, rejects

        return await self._thread.run(work)

    async def _in_processes(self, chunk: Chunk, watch: _Watch) -> tuple[Chunk, list[Reject]]:
        rejects: list[Reject] = []
        for place, examiner in enumerate(self._examiners):
            if not len(chunk):
                break
            watch.begin(place)
            with _told_rows(chunk):
                chunk, found = await self._in_process(place, examiner.name, chunk)
            rejects += found
        return chunk, rejects

    async def _in_process(self, place: int, name: str, chunk: Chunk) -> tuple[Chunk, list[Reject]]:
        assert self._processes is not None
        count = len(chunk)
        parts = max(1, min(self._processes.workers, count // _WORTH_A_PROCESS))
        bounds = [count * part // parts for part in range(parts + 1)]
        slices = [chunk.slice(start, stop) for start, stop in itertools.pairwise(bounds)]
        answers = await asyncio.gather(*(self._processes.examine(place, self._batch(one)) for one in slices))
        findings = Findings()
        for start, answer in zip(bounds, answers, strict=False):
            findings.faults.update({start + index: fault for index, fault in answer.faults.items()})
            findings.changes.update({start + index: values for index, values in answer.changes.items()})
        return await self._thread.run(lambda: self._applied(chunk, findings, name))

    def _batch(self, chunk: Chunk) -> Batch:
        return Batch(chunk, len(chunk), chunk.fields, self._recoder.kinds)

    def _applied(self, chunk: Chunk, findings: Findings, name: str) -> tuple[Chunk, list[Reject]]:
        if not findings.faults and not findings.changes:
            return chunk, []
        return self._recoder.apply(chunk, findings, name)


@contextlib.contextmanager
def _told_rows(chunk: Chunk) -> Iterator[None]:
    """Name the rows that a validator failed at."""
    try:
        yield
    except ValidatorError as error:
        rows = f"rows {chunk.row(0)} to {chunk.row(len(chunk) - 1)}"
        raise ValidatorError(f"{error.message} (at {rows}; these and the rows after them were not read)") from error


class _Watch:
    """Names a validator that takes long, once a run, while it still does.

    Args:
        seconds: What is long.
        told: Places of validators that were named before.
        names: Of the validators.
        count: Records that they look at.
    """

    def __init__(self, seconds: float, told: set[int], names: Sequence[str], count: int) -> None:
        self._seconds = seconds
        self._told = told
        self._names = names
        self._count = count
        self._begun = (0, time.monotonic())
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._wait(self._seconds)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def begin(self, place: int) -> None:
        """The validator at this place begins; called in any thread."""
        self._begun = (place, time.monotonic())

    def _wait(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        place, since = self._begun
        left = since + self._seconds - time.monotonic()
        if left <= 0 and place not in self._told:
            self._told.add(place)
            logger.warning(
                "%s takes longer than %g s over %d records; calls under way go on, new ones wait for it",
                self._names[place],
                self._seconds,
                self._count,
            )
        # Another one may be slow, too.
        if len(self._told) < len(self._names):
            self._wait(left if left > 0 else self._seconds)


class _Validated:
    """A block after the validators."""

    def __init__(self, block: Block, chunk: Chunk, rejects: list[Reject]) -> None:
        self.chunk = chunk
        self.rejects = rejects
        self.first_row = block.first_row
        self.read = block.read


class _Thread:
    """Runs one thing after the other in a thread that does not keep the program from ending."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Run `work` there and await its answer."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()

        def told(answer: Answer | None, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(answer)  # type: ignore[arg-type]

        def job() -> None:
            answer, failure = None, None
            try:
                answer = work()
            except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
                failure = error
            try:
                loop.call_soon_threadsafe(told, answer, failure)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return

        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._queue.put(job)
        return await future

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            job()

    def close(self) -> None:
        """End the thread after what it does now."""
        self._queue.put(None)
