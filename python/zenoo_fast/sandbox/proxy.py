"""A TCP proxy that breaks connections on purpose, in front of the sandbox or a real Odoo."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

Action = Literal[
    "pass",
    "delay",
    "reset-before",
    "reset-middle",
    "reset-after",
    "lose-answer",
    "drip",
    "status",
    "garbage",
    "endless",
]
HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class ProxyFault:
    """What happens to a connection.

    Attributes:
        action: `reset-before`, `reset-middle` and `reset-after` cut the connection before, in the middle of and right after the
            request is passed on; `lose-answer` waits for the server's whole answer and cuts then; `drip` passes the answer on a byte
            at a time; `status` answers `status` itself; `garbage` and `endless` answer nonsense, or without an end.
        weight: How often, compared with the plan's other entries.
        seconds: Latency of `delay`; pause between the bytes of `drip`.
        status: HTTP status of `status`.
        retry_after: Seconds of its `Retry-After`.
    """  # noqa: E501

    action: Action
    weight: float = 1.0
    seconds: float = 0.0
    status: int = 503
    retry_after: int | None = None


class FaultProxy:
    """Passes each connection's one request on, or does what the plan says.

    Args:
        target_url: Server behind it.
        plan: Faults to choose from by weight; the choice is the same for the same seed and order of connections.
        sequence: Faults of the first connections, one each, before the plan is used.
        only: Faults meet requests whose first line holds this text; others pass, and are not counted.
        seed: Of the choice.
        port: TCP port on the loopback interface, 0 for any free one.
    """

    def __init__(
        self,
        target_url: str,
        *,
        plan: Sequence[ProxyFault] = (),
        sequence: Sequence[ProxyFault] = (),
        only: str = "",
        seed: int = 0,
        port: int = 0,
    ) -> None:
        parts = urlsplit(target_url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._plan = list(plan)
        self._sequence = list(sequence)
        self._only = only
        self._random = random.Random(seed)  # noqa: S311 - a schedule, not a secret
        self.port = port
        self.made: list[tuple[int, str, str]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> FaultProxy:  # noqa: PYI034
        """Start to listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and cut what is open."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _choose(self) -> ProxyFault:
        if self._sequence:
            return self._sequence.pop(0)
        if not self._plan:
            return ProxyFault("pass")
        return self._random.choices(self._plan, [fault.weight for fault in self._plan])[0]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the other side went away, which is what clients of this proxy are here to see
        finally:
            self._tasks.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() == 0 else writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(HEAD_END)
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        body = await reader.readexactly(length)
        fault = self._choose() if self._only in head.partition(b"\r\n")[0].decode("latin-1") else ProxyFault("pass")
        self.made.append((len(self.made) + 1, fault.action, head.partition(b"\r\n")[0].decode("latin-1")))
        if fault.action == "delay":
            await asyncio.sleep(fault.seconds)
        if fault.action == "reset-before":
            return
        if fault.action in ("status", "garbage", "endless"):
            await self._invent(fault, writer)
            return
        # one request a connection: the end of the stream is then the end of the answer
        lines = [line for line in head[: -len(HEAD_END)].split(b"\r\n") if not line.lower().startswith(b"connection:")]
        request = b"\r\n".join([*lines, b"Connection: close"]) + HEAD_END + body
        await self._forward(fault, request, writer)

    async def _forward(self, fault: ProxyFault, request: bytes, writer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection(*self._target)
        try:
            server.write(request[: len(request) // 2] if fault.action == "reset-middle" else request)
            await server.drain()
            if fault.action in ("reset-middle", "reset-after"):
                return
            if fault.action == "lose-answer":
                await answers.read()
                return
            while piece := await answers.read(1 if fault.action == "drip" else 65536):
                writer.write(piece)
                await writer.drain()
                if fault.action == "drip":
                    await asyncio.sleep(fault.seconds)
            writer.write_eof()
            await writer.drain()
        finally:
            server.close()

    async def _invent(self, fault: ProxyFault, writer: asyncio.StreamWriter) -> None:
        if fault.action == "garbage":
            writer.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        elif fault.action == "status":
            more = "" if fault.retry_after is None else f"Retry-After: {fault.retry_after}\r\n"
            head = f"HTTP/1.1 {fault.status} Injected\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n"
            writer.write(head.encode())
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[1")
            while True:
                writer.write(b",1" * 512)
                await writer.drain()
                await asyncio.sleep(0.01)
        await writer.drain()
        writer.write_eof()
