"""Who writes which block, and how each ended. Plain; the actor around it is in `actors`.

Ray runs a task again when its node died, and even when it had ended but its result was lost. The ledger lives beside
the driver and outlives both: of all attempts at a block one may send, and what a block came to is told twice rather
than done twice.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from typing import IO

from zenoo_fast.engine.tally import REJECTS_KEPT
from zenoo_fast_ray.result import BlockResult

PIECE_BYTES = 1 << 20
"""Of a reject file, on its way to the driver."""
CHANGED = "Ray ran this task again with other rows; those of its first attempt may be in"
TAKEN_OVER = "another attempt at this block has taken over"


@dataclass(frozen=True, slots=True)
class Begun:
    """What an attempt is told.

    Attributes:
        key: The block's name: a digest of its rows, and which of the blocks with these rows it is.
        result: What the block came to already: nothing is left to do.
        again: An earlier attempt may have sent rows.
        reached: Some task of the write has reached the server.
        refused: Why the rows must not be sent; empty where they may.
        stopped: Why nothing more is to be sent at all; empty while the write goes on.
        attempts: How often the block was begun.
        room: Rejects that the driver still keeps.
    """

    key: str
    result: BlockResult | None
    again: bool
    reached: bool
    refused: str
    stopped: str
    attempts: int
    room: int


@dataclass(slots=True)
class Entry:
    """One task's block.

    Attributes:
        task: The task's number.
        digest: Of its rows.
        key: See `Begun.key`.
        rows: How many.
        attempt: The attempt that may send.
        attempts: How many there were.
        sent: One of them may have sent rows.
        running: The last one has not ended, as far as is known.
        result: What it came to.
        rejects: Where its rejects are in the spool: offset and length.
    """

    task: int
    digest: str
    key: str
    rows: int
    attempt: str
    attempts: int = 1
    sent: bool = False
    running: bool = True
    result: BlockResult | None = None
    rejects: list[tuple[int, int]] = field(default_factory=list)


class Ledger:
    """The account of one write, by block.

    Args:
        repeatable: Sending rows again does no harm, whichever block they come in.
    """

    def __init__(self, *, repeatable: bool) -> None:
        self.stopped = ""
        self._repeatable = repeatable
        self._entries: dict[int, Entry] = {}
        self._alike: Counter[str] = Counter()
        self._kept = 0
        self._spool: IO[bytes] | None = None

    def begin(self, task: int, digest: str, rows: int, attempt: str) -> Begun:
        """An attempt begins; earlier ones at the same block may send nothing any more.

        Args:
            task: The task's number, the same for each attempt.
            digest: Of the block's rows.
            rows: How many.
            attempt: The attempt's name.
        """
        entry = self._entries.get(task)
        if entry is None:
            entry = self._entries[task] = Entry(task, digest, self._key(digest), rows, attempt)
            return self._begun(entry)
        changed = entry.digest != digest
        if entry.result is not None and not (changed and self._repeatable):
            return self._begun(entry, result=entry.result)
        again = entry.sent
        entry.attempt, entry.attempts, entry.running = attempt, entry.attempts + 1, True
        entry.result, entry.rejects = None, []
        if changed:
            entry.digest, entry.key, entry.rows = digest, self._key(digest), rows
        refused = CHANGED if changed and again and not self._repeatable else ""
        return self._begun(entry, again=again, refused=refused)

    def _begun(
        self, entry: Entry, *, result: BlockResult | None = None, again: bool = False, refused: str = ""
    ) -> Begun:
        room = max(0, REJECTS_KEPT - self._kept)
        reached = any(one.sent for one in self._entries.values())
        return Begun(entry.key, result, again, reached, refused, self.stopped, entry.attempts, room)

    def _key(self, digest: str) -> str:
        """Blocks of equal rows are told apart by a number; which of them has which does not matter."""
        self._alike[digest] += 1
        return f"{digest}_{self._alike[digest]}"

    def sending(self, task: int, attempt: str) -> str:
        """An attempt is about to send its first rows.

        Returns:
            Why it must not; empty where it may.
        """
        entry = self._entries[task]
        if entry.attempt != attempt:
            return TAKEN_OVER
        if not self.stopped:
            entry.sent = True
        return self.stopped

    def put_rejects(self, task: int, attempt: str, data: bytes) -> None:
        """A piece of the attempt's reject file."""
        entry = self._entries[task]
        if entry.attempt == attempt:
            if self._spool is None:
                # Without a name: whatever ends this process, nothing is left behind.
                self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - see close
            at = self._spool.seek(0, 2)
            self._spool.write(data)
            entry.rejects.append((at, len(data)))

    def rejects(self, task: int, number: int) -> bytes | None:
        """A piece of the block's reject file; ``None`` behind the last one."""
        pieces = self._entries[task].rejects if task in self._entries else []
        if number >= len(pieces) or self._spool is None:
            return None
        at, length = pieces[number]
        self._spool.seek(at)
        return self._spool.read(length)

    def finish(self, task: int, attempt: str, result: BlockResult) -> None:
        """What an attempt came to; that of one which was taken over counts for nothing."""
        entry = self._entries[task]
        if entry.attempt == attempt:
            entry.result, entry.running = result, False
            self._kept += len(result.rejects)
            if result.stopped:
                self.stop(result.stopped)

    def leave(self, task: int, attempt: str) -> None:
        """An attempt ended without a result."""
        entry = self._entries[task]
        if entry.attempt == attempt:
            entry.running = False

    def stop(self, reason: str) -> None:
        """Nothing more is to be sent; the first reason counts."""
        self.stopped = self.stopped or reason

    def entries(self) -> list[Entry]:
        """All blocks that were begun, by task."""
        return [self._entries[task] for task in sorted(self._entries)]

    def close(self) -> None:
        """Forget the rejects. Idempotent."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None
