"""Frames between the coordinator and a worker: 4 bytes of length, 1 byte of kind, a body; over one socketpair.

A call is a small JSON head and its rows' bytes as they are; an outcome a small JSON head and the answer's bytes.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Any, cast

from zenoo_fast._core import Layout
from zenoo_fast.engine.outcome import Action, Outcome, OutcomeKind, ServerError
from zenoo_fast.plugins.examine import Batch, Findings, ValidatorError
from zenoo_fast.transports.base import Call, is_rows, rows_json

MAX_FRAME_BYTES = 1 << 30
"""Larger frames are refused on both sides."""

_HEAD = struct.Struct(">IB")
_SIZE = struct.Struct(">I")
_JOIN_BELOW = 1 << 16
"""Small bodies are cheaper to join than to write piece by piece."""


class Kind(IntEnum):
    """What a frame is."""

    START = 1
    READY = 2
    FAILED = 3
    CALL = 4
    OUTCOME = 5
    CANCEL = 6
    CLOSE = 7
    EXAMINE = 8
    FINDINGS = 9


class FrameError(ValueError):
    """A frame is too large or makes no sense."""


class Channel(asyncio.Protocol):
    """One end of a socketpair, as frames.

    Args:
        on_frame: Called with each frame's kind and body.
        on_lost: Called once, when the other end is gone.
    """

    def __init__(self, on_frame: Callable[[int, bytes], None], on_lost: Callable[[], None]) -> None:
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport.set_write_buffer_limits(high=4 << 20)

    def data_received(self, data: bytes) -> None:
        """Called by the loop: cut frames off what has come."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _HEAD.size:
            length, kind = _HEAD.unpack_from(buffer)
            if length > MAX_FRAME_BYTES:
                self.close()
                return
            end = _HEAD.size + length
            if len(buffer) < end:
                return
            with memoryview(buffer) as view:
                body = bytes(view[_HEAD.size : end])
            del buffer[:end]
            self._on_frame(kind, body)

    def pause_writing(self) -> None:
        """Called by the loop: the other end reads more slowly than this one writes."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Called by the loop."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Called by the loop."""
        self.lost = True
        self._writable.set()
        self._on_lost()

    async def writable(self) -> None:
        """Wait until the other end has read enough."""
        await self._writable.wait()

    def send(self, kind: Kind, *parts: bytes | memoryview) -> None:
        """Send one frame; what does not fit the socket now is buffered, so await `writable` before large ones.

        Raises:
            FrameError: It is too large.
        """
        if self._transport is None or self.lost:
            return
        length = sum(len(part) for part in parts)
        if length > MAX_FRAME_BYTES:
            raise FrameError(f"a frame of {length} bytes is larger than {MAX_FRAME_BYTES}")
        head = _HEAD.pack(length, kind)
        if length < _JOIN_BELOW:
            self._transport.write(b"".join((head, *parts)))
            return
        self._transport.write(head)
        for part in parts:
            self._transport.write(part)

    def close(self) -> None:
        """Close this end, once what is buffered has left."""
        if self._transport is not None:
            self._transport.close()


class RawRows:
    """Rows as they arrived: serialised.

    Args:
        body: Their JSON joined by commas.
        count: How many.
    """

    __slots__ = ("_body", "_count")

    def __init__(self, body: memoryview, count: int) -> None:
        self._body = body
        self._count = count

    def __len__(self) -> int:
        return self._count

    def json(self) -> memoryview:
        """The rows' JSON."""
        return self._body

    def values(self) -> list[Any]:
        """The rows as Python values."""
        return list(json.loads(b"[" + bytes(self._body) + b"]"))


def pack_call(number: int, call: Call) -> list[bytes | memoryview]:
    """A call as the parts of a frame; rows are not copied.

    Raises:
        ValueError: An argument has no JSON form.
    """
    plain: dict[str, Any] = {}
    rows: dict[str, tuple[int, int]] = {}
    bodies: list[bytes | memoryview] = []
    for name, value in call.arguments.items():
        if is_rows(value):
            body = rows_json(value)
            bodies.append(body)
            rows[name] = (len(body), len(value))
            plain[name] = None
        else:
            plain[name] = value
    context = dict(call.context) if call.context else None
    fields = (number, call.model, call.method, plain, rows, context, call.timeout)
    return [*_packed(fields), *bodies]


def unpack_call(body: bytes) -> tuple[int, Call]:
    """What `pack_call` packed."""
    (number, model, method, arguments, rows, context, timeout), rest = _unpacked(body)
    start = 0
    for name, (length, count) in rows.items():
        arguments[name] = RawRows(rest[start : start + length], count)
        start += length
    return number, Call(model, method, arguments, context, timeout)


def pack_outcome(number: int, outcome: Outcome) -> list[bytes | memoryview]:
    """An outcome as the parts of a frame; a result that is a Python value becomes JSON."""
    result = outcome.result
    if outcome.kind is not OutcomeKind.COMMITTED:
        result = b""
    elif not isinstance(result, bytes | bytearray | memoryview):
        result = json.dumps(result, separators=(",", ":")).encode()
    error = outcome.error
    facts = None if error is None else (error.name, error.message, error.arguments, error.status, error.debug)
    fields = (number, outcome.kind, facts, outcome.action, outcome.retry_after, outcome.seconds)
    return [*_packed(fields), result]


def unpack_outcome(body: bytes) -> tuple[int, Outcome]:
    """What `pack_outcome` packed; the result is bytes."""
    (number, kind, facts, action, retry_after, seconds), rest = _unpacked(body)
    error = None
    if facts is not None:
        name, message, arguments, status, debug = facts
        error = ServerError(name, message, tuple(arguments), status, debug)
    committed = kind == OutcomeKind.COMMITTED
    result = bytes(rest) if committed else None
    return number, Outcome(OutcomeKind(kind), result, error, Action(action), retry_after, seconds)


def pack_batch(number: int, validator: int, batch: Batch) -> list[bytes | memoryview]:
    """Records for one of the worker's validators as the parts of a frame."""
    fields = (number, validator, batch.count, batch.fields, dict(batch.kinds))
    return [*_packed(fields), batch.json()]


def unpack_batch(body: bytes) -> tuple[int, int, Batch]:
    """What `pack_batch` packed."""
    (number, validator, count, fields, kinds), rest = _unpacked(body)
    return number, validator, Batch(bytes(rest), count, fields, kinds)


def pack_findings(number: int, found: Findings | ValidatorError) -> list[bytes | memoryview]:
    """A validator's findings as the parts of a frame; new values as the JSON that the rows get.

    Raises:
        ValidatorError: A new value has no JSON form.
    """
    if isinstance(found, ValidatorError):
        return list(_packed((number, found.message, [], [])))
    indexes = list(found.changes)
    block = Layout().extract(list(found.changes.values()), max_rows=len(indexes) + 1, max_bytes=MAX_FRAME_BYTES)
    for at, field, _code, message, _record in block.rejects:
        raise ValidatorError(f"changes {field} of record {indexes[at]}: {message}")
    faults = [(index, *fault) for index, fault in found.faults.items()]
    return [*_packed((number, None, faults, indexes)), block.chunk.json()]


def unpack_findings(body: bytes) -> tuple[int, Findings | ValidatorError]:
    """What `pack_findings` packed."""
    (number, failure, faults, indexes), rest = _unpacked(body)
    if failure is not None:
        return number, ValidatorError(failure)
    changes = json.loads(b"[%b]" % bytes(rest))
    return number, Findings(
        {index: (field, code, message) for index, field, code, message in faults},
        dict(zip(indexes, changes, strict=True)),
    )


def _packed(fields: tuple[Any, ...]) -> tuple[bytes, bytes]:
    try:
        head = json.dumps(fields, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return _SIZE.pack(len(head)), head


def _unpacked(body: bytes) -> tuple[list[Any], memoryview]:
    (length,) = _SIZE.unpack_from(body)
    end = _SIZE.size + length
    return json.loads(body[_SIZE.size : end]), memoryview(body)[end:]
