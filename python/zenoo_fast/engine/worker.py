"""The worker process: one event loop, one transport; turns call frames into outcome frames and decides nothing.

It ends when it is told to, or when the other end of its channel is gone (the caller died).
"""

from __future__ import annotations

import asyncio
import importlib
import json
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from zenoo_fast import loops
from zenoo_fast.engine.channel import Channel, Kind, pack_findings, pack_outcome, unpack_batch, unpack_call
from zenoo_fast.exceptions import ZenooError
from zenoo_fast.plugins.examine import Batch, Examiner, ValidatorError
from zenoo_fast.plugins.held import watch
from zenoo_fast.plugins.registry import Entry
from zenoo_fast.transports.base import Call, Connection, Transport
from zenoo_fast.transports.classify import broken


def resolve(factory: str) -> Callable[..., Transport]:
    """What ``module:attr`` names.

    Raises:
        ValueError: It names nothing, or nothing that can be called.
    """
    module, _, attribute = factory.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"the transport {factory!r} cannot be loaded: {error}") from error
    if not callable(found):
        raise ValueError(f"the transport {factory!r} is not callable")  # noqa: TRY004 - a setting, not a type
    return found  # type: ignore[no-any-return]


class Worker:
    """The life of one worker, in its own process."""

    def __init__(self) -> None:
        self.channel = Channel(self._frame, self._lost)
        self._transport: Transport | None = None
        self._examiners: list[Examiner] = []
        # One thread: a validator is called by one at a time, and the loop goes on meanwhile.
        self._thread = ThreadPoolExecutor(1, "zenoo-fast-validator")
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._starting: asyncio.Task[None] | None = None
        self._end = asyncio.Event()

    async def run(self, end: socket.socket) -> None:
        """Serve until told to close, or until the caller is gone."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self.channel, sock=end)
        watching = asyncio.create_task(watch(lambda: f"the transport {getattr(self._transport, 'name', '')}"))
        await self._end.wait()
        watching.cancel()
        if self.channel.lost:
            for task in self._tasks.values():
                task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        if self._transport is not None:
            await self._transport.close()
        self.channel.close()

    def _lost(self) -> None:
        self._end.set()

    def _frame(self, kind: int, body: bytes) -> None:
        if kind == Kind.CALL:
            number, call = unpack_call(body)
            task = asyncio.get_running_loop().create_task(self._call(number, call))
            self._tasks[number] = task
            task.add_done_callback(lambda _: self._tasks.pop(number, None))
        elif kind == Kind.EXAMINE:
            number, validator, batch = unpack_batch(body)
            task = asyncio.get_running_loop().create_task(self._examine(number, validator, batch))
            self._tasks[number] = task
            task.add_done_callback(lambda _: self._tasks.pop(number, None))
        elif kind == Kind.CANCEL:
            if (found := self._tasks.get(int(body))) is not None:
                found.cancel()
        elif kind == Kind.START:
            self._starting = asyncio.get_running_loop().create_task(self._start(json.loads(body)))
        elif kind == Kind.CLOSE:
            self._end.set()

    async def _start(self, settings: dict[str, Any]) -> None:
        try:
            factory = resolve(settings["factory"])
            self._transport = factory(Connection(**settings["connection"]), **settings["options"])
            await self._transport.open()
            for name, spec, config in settings["validators"]:
                made = Entry("validator", name, "", spec).make(**config)
                self._examiners.append(Examiner(name, made, settings["model"]))
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller has to hear of it
            told = isinstance(error, ValueError | ZenooError)
            reason = str(error) if told else f"{type(error).__name__}: {error}"
            self.channel.send(Kind.FAILED, reason.encode("utf-8", "replace"))
            self._end.set()
        else:
            self.channel.send(Kind.READY)

    async def _examine(self, number: int, validator: int, batch: Batch) -> None:
        try:
            examiner = self._examiners[validator]
            found = await asyncio.get_running_loop().run_in_executor(self._thread, examiner.examine, batch)
            parts = pack_findings(number, found)
        except ValidatorError as error:
            parts = pack_findings(number, error)
        self.channel.send(Kind.FINDINGS, *parts)

    async def _call(self, number: int, call: Call) -> None:
        assert self._transport is not None
        try:
            parts = pack_outcome(number, await self._transport.call(call))
            self.channel.send(Kind.OUTCOME, *parts)
        except Exception as error:  # noqa: BLE001 - a plugin's transport may break the contract
            name = getattr(self._transport, "name", type(self._transport).__name__)
            self.channel.send(Kind.OUTCOME, *pack_outcome(number, broken(name, error)))
        await self.channel.writable()


async def _run(end: socket.socket) -> None:
    await Worker().run(end)


def main(descriptor: int) -> None:
    """Serve over the inherited socket until the end."""
    # Ctrl-C reaches the whole process group; the coordinator decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end = socket.socket(fileno=descriptor)
    loops.run(_run(end))
