"""Worker processes as one transport: credits, replacement of the dead, clean ends.

A worker is a fresh interpreter started with ``subprocess``, never a fork and never a second import of the caller's main
module; so a script without a ``__main__`` guard, ``python -c``, a REPL or a notebook can start workers. What it needs
(the secret among it) goes through the socketpair, not through the command line or the environment.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence

from zenoo_fast.engine.channel import Channel, FrameError, Kind, pack_batch, pack_call, unpack_findings, unpack_outcome
from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind, ServerError
from zenoo_fast.exceptions import ConfigurationError, InternalError, ZenooError
from zenoo_fast.loops import uvloop_run
from zenoo_fast.plugins.examine import Batch, Findings, ValidatorError
from zenoo_fast.plugins.validators import ValidatorSpec
from zenoo_fast.transports.base import Call, TransportSpec

__all__ = ["TransportSpec", "WorkerPool"]

logger = logging.getLogger(__name__)

_told_of_loop: list[str] = []
"""Said once a process."""

_BOOT = (
    "import signal,sys;signal.signal(signal.SIGINT,signal.SIG_IGN);sys.path[:]={path!r};"
    "from zenoo_fast.engine.worker import main;main({descriptor})"
)
_RESTART_WINDOW = 60.0
_EXAMINATIONS = 3
"""Workers that may end over the same records before their validator is to blame."""
_RESTART_PAUSE = 0.05


class _Worker:
    """The coordinator's side of one worker process."""

    def __init__(self, pool: WorkerPool) -> None:
        self.pool = pool
        self.calls: dict[int, asyncio.Future[Outcome]] = {}
        self.examinations: dict[int, asyncio.Future[Findings | None]] = {}
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self.process: subprocess.Popen[bytes] | None = None
        self.channel = Channel(self._frame, self._lost)

    async def start(self) -> None:
        """Start the process and wait until its transport is open.

        Raises:
            ZenooError: It could not; with the worker's reason.
        """
        ours, theirs = socket.socketpair()
        path = [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109 - a string is wanted
        with theirs:
            code = _BOOT.format(path=path, descriptor=theirs.fileno())
            try:
                # A fixed program: this interpreter, with our own code.
                self.process = subprocess.Popen(  # noqa: S603, ASYNC220 - milliseconds, once a worker
                    [sys.executable, "-c", code],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                )
            except OSError as error:
                ours.close()
                raise InternalError(f"no worker process can be started: {error}") from error
        await asyncio.get_running_loop().create_unix_connection(lambda: self.channel, sock=ours)
        self.channel.send(Kind.START, self.pool.settings)
        try:
            async with asyncio.timeout(self.pool.start_timeout):
                await self.ready
        except TimeoutError:
            await self.stop(0)
            raise InternalError(f"a worker process was not ready within {self.pool.start_timeout:g} s") from None
        except BaseException:
            await self.stop(0)
            raise

    def _frame(self, kind: int, body: bytes) -> None:
        if kind == Kind.OUTCOME:
            number, outcome = unpack_outcome(body)
            future = self.calls.get(number)
            if future is not None and not future.done():
                future.set_result(outcome)
        elif kind == Kind.FINDINGS:
            number, found = unpack_findings(body)
            examination = self.examinations.get(number)
            if examination is None or examination.done():
                return
            if isinstance(found, ValidatorError):
                examination.set_exception(found)
            else:
                examination.set_result(found)
        elif kind == Kind.READY and not self.ready.done():
            self.ready.set_result(None)
        elif kind == Kind.FAILED and not self.ready.done():
            reason = body.decode("utf-8", "replace")
            self.ready.set_exception(ConfigurationError(f"a worker process could not start: {reason}"))

    def _lost(self) -> None:
        self.gone.set()
        if not self.ready.done():
            self.ready.set_exception(InternalError("a worker process ended before it was ready; see its error output"))
        for future in self.calls.values():
            if not future.done():
                error = ServerError("zenoo_fast.WorkerLost", "the worker process that sent this call has ended")
                future.set_result(Outcome(OutcomeKind.IN_DOUBT, error=error, action=Action.RETRY))
        for examination in self.examinations.values():
            if not examination.done():
                examination.set_result(None)
        self.pool.worker_lost(self)

    async def examine(self, validator: int, batch: Batch) -> Findings | None:
        """Have the process's validator look at records; ``None`` where the process ended meanwhile."""
        number = self.pool.next_number()
        examination: asyncio.Future[Findings | None] = asyncio.get_running_loop().create_future()
        self.examinations[number] = examination
        try:
            await self.channel.writable()
            if self.gone.is_set():
                return None
            self.channel.send(Kind.EXAMINE, *pack_batch(number, validator, batch))
            return await examination
        finally:
            del self.examinations[number]

    async def call(self, call: Call) -> Outcome:
        """Hand one call to the process and wait for its outcome."""
        number = self.pool.next_number()
        try:
            parts = pack_call(number, call)
        except ValueError as error:
            return Outcome(
                OutcomeKind.REFUSED,
                error=ServerError("builtins.ValueError", str(error)),
                action=Action.FIND_ROWS,
            )
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.calls[number] = future
        try:
            await self.channel.writable()
            if self.gone.is_set() and not future.done():
                lost = ServerError("zenoo_fast.WorkerLost", "the worker process ended before this call was sent")
                return Outcome(OutcomeKind.NOT_EXECUTED, error=lost, action=Action.RETRY)
            try:
                self.channel.send(Kind.CALL, *parts)
            except FrameError as reason:
                too_large = ServerError("zenoo_fast.FrameError", str(reason))
                return Outcome(OutcomeKind.NOT_EXECUTED, error=too_large, action=Action.SPLIT)
            return await future
        except asyncio.CancelledError:
            self.channel.send(Kind.CANCEL, b"%d" % number)
            raise
        finally:
            del self.calls[number]

    async def stop(self, grace: float) -> None:
        """Let the process finish what it has for `grace` seconds, then end it; its calls end as in doubt."""
        if self.process is None:
            return
        self.channel.send(Kind.CLOSE)
        if grace > 0:
            try:
                async with asyncio.timeout(grace):
                    await self.gone.wait()
            except TimeoutError:
                pass
        if self.process.poll() is None and not self.gone.is_set():
            self.process.kill()
        self.channel.close()
        await asyncio.to_thread(self._reap)

    def _reap(self) -> None:
        assert self.process is not None
        try:
            self.process.wait(5.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class WorkerPool:
    """A transport that forwards calls to worker processes; serves one event loop.

    Args:
        spec: What each worker builds its transport from.
        workers: Number of processes.
        validators: What each worker holds beside its transport: names for messages, and what they are made from.
        model: Whose records the validators look at.
        calls_per_worker: Calls in flight a worker may hold: a bound for memory, far above what limiters allow.
        max_restarts: Dead workers replaced within a minute before the pool gives up.
        start_timeout: Seconds a worker may take to be ready.
        close_timeout: Seconds that calls in flight may take when the pool closes.

    Raises:
        ConfigurationError: Fewer than one worker, or options without a JSON form.
    """

    name = "workers"

    def __init__(
        self,
        spec: TransportSpec,
        workers: int,
        *,
        validators: Sequence[tuple[str, ValidatorSpec]] = (),
        model: str = "",
        calls_per_worker: int = 1024,
        max_restarts: int = 10,
        start_timeout: float = 30.0,
        close_timeout: float = 10.0,
    ) -> None:
        if workers < 1:
            raise ConfigurationError(f"workers must be at least 1, not {workers}")
        configs = [(name, one.validator, dict(one.config)) for name, one in validators]
        try:
            json.dumps([dict(spec.options), configs])
        except (TypeError, ValueError, RecursionError) as error:
            raise ConfigurationError(f"the options of {spec.factory} have no JSON form: {error}") from None
        # In no variable: a traceback may show a frame's variables, and the secret is in it.
        self.settings = json.dumps(
            {
                "factory": spec.factory,
                "connection": dataclasses.asdict(spec.connection),
                "options": dict(spec.options),
                "validators": configs,
                "model": model,
            }
        ).encode()
        self._validators = [name for name, _ in validators]
        self.workers = workers
        self.calls_per_worker = calls_per_worker
        self.max_restarts = max_restarts
        self.start_timeout = start_timeout
        self.close_timeout = close_timeout
        self.restarts = 0
        self._alive: list[_Worker] = []
        self._restarted: deque[float] = deque()
        self._starting: set[asyncio.Task[None]] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._failure: str | None = None
        self._open = False
        self._opening = asyncio.Lock()
        self._number = 0

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that serve now."""
        return [worker.process.pid for worker in self._alive if worker.process is not None]

    def next_number(self) -> int:
        """A number no other call of this pool has."""
        self._number += 1
        return self._number

    async def open(self) -> None:
        """Start the workers. Idempotent.

        Raises:
            ZenooError: A worker could not start; with its reason. None is left running.
        """
        async with self._opening:
            if self._open:
                return
            if not _told_of_loop and uvloop_run() is None:
                _told_of_loop.append("asyncio")
                logger.debug("uvloop is not installed: workers use asyncio's own loop")
            started = [_Worker(self) for _ in range(self.workers)]
            results = await asyncio.gather(*(worker.start() for worker in started), return_exceptions=True)
            failure = next((result for result in results if isinstance(result, BaseException)), None)
            if failure is not None:
                await asyncio.gather(*(worker.stop(0) for worker in started))
                raise failure
            self._failure = None
            self._alive = started
            self._open = True
            for worker in [worker for worker in started if worker.gone.is_set()]:
                self.worker_lost(worker)

    async def call(self, call: Call, /) -> Outcome:
        """Hand one call to the worker with most free credits; see `Transport.call`."""
        if not self._open:
            try:
                await self.open()
            except ZenooError as error:
                return _hopeless(str(error))
        while True:
            worker = min(self._alive, key=lambda candidate: len(candidate.calls), default=None)
            if worker is not None and len(worker.calls) < self.calls_per_worker:
                break
            if self._failure is not None:
                return _hopeless(self._failure)
            if not self._open:
                return _hopeless("the worker pool is closed")
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake()
                raise
        try:
            return await worker.call(call)
        finally:
            self._wake()

    async def examine(self, validator: int, batch: Batch, /) -> Findings:
        """Have a worker's validator look at records; another's where that one ends meanwhile.

        Raises:
            ValidatorError: The validator failed, or workers keep ending over it.
        """
        ended = 0
        while ended < _EXAMINATIONS:
            worker = min(self._alive, key=lambda one: len(one.examinations), default=None)
            if worker is None:
                if self._failure is not None or not self._open:
                    raise ValidatorError(self._failure or "the worker pool is closed")
                await asyncio.sleep(_RESTART_PAUSE)
                continue
            found = await worker.examine(validator, batch)
            if found is not None:
                return found
            ended += 1
        name = self._validators[validator]
        raise ValidatorError(f"{name} failed: {ended} worker processes ended while it looked at the same records")

    def _wake(self, everybody: bool = False) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                if not everybody:
                    return

    def worker_lost(self, worker: _Worker) -> None:
        """A worker's channel closed: replace it unless the pool is closing or too many have died."""
        if worker not in self._alive:
            return
        self._alive.remove(worker)
        if not self._open:
            return
        task = asyncio.get_running_loop().create_task(self._replace(worker))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _replace(self, dead: _Worker) -> None:
        await dead.stop(0)
        code = dead.process.returncode if dead.process is not None else None
        now = time.monotonic()
        while self._restarted and now - self._restarted[0] > _RESTART_WINDOW:
            self._restarted.popleft()
        if len(self._restarted) >= self.max_restarts:
            self._fail(f"worker processes keep ending (exit code {code}): {self.max_restarts} replaced within a minute")
            return
        self._restarted.append(now)
        self.restarts += 1
        logger.warning("a worker process ended (exit code %s) and is replaced", code)
        fresh = _Worker(self)
        try:
            await fresh.start()
        except ZenooError as error:
            self._fail(str(error))
            return
        self._alive.append(fresh)
        self._wake(everybody=True)

    def _fail(self, reason: str) -> None:
        if not self._alive:
            self._failure = reason
        logger.error("%s", reason)
        self._wake(everybody=True)

    async def close(self) -> None:
        """Let calls in flight finish for `close_timeout` seconds, then end every worker. Idempotent."""
        async with self._opening:
            self._open = False
            starting = list(self._starting)
            for task in starting:
                task.cancel()
            await asyncio.gather(*starting, return_exceptions=True)
            alive, self._alive = self._alive, []
            self._wake(everybody=True)
            await asyncio.gather(*(worker.stop(self.close_timeout) for worker in alive))


def _hopeless(reason: str) -> Outcome:
    error = ServerError("zenoo_fast.WorkerPoolError", reason)
    return Outcome(OutcomeKind.NOT_EXECUTED, error=error, action=Action.STOP)
