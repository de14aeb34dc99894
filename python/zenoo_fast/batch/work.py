"""One operation while it runs: its chunks, what the engine said of each row, and what that makes of the operation."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from zenoo_fast.batch.operations import BatchOperation, CreateOperation, OperationStatus, UpdateOperation
from zenoo_fast.batch.plan import Plan, ids_of, plan_for
from zenoo_fast.batch.reasons import error_type, told
from zenoo_fast.engine.caller import RunStopped
from zenoo_fast.engine.observe import ChangeObserver, finish_before_cancel, observer_of
from zenoo_fast.engine.outcome import Reject, RowState, ServerError, Settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zenoo_fast.batch.road import Road


class RejectedRecord(Reject):
    """A `Reject` of a batch; its fields can also be read by name, as from a dictionary."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        """A field by its name, or by its position."""
        return getattr(self, key) if isinstance(key, str) else super().__getitem__(key)

    def keys(self) -> Sequence[str]:
        """The fields' names: ``dict(reject)`` works."""
        return self._fields


class OperationRun:
    """One operation while it runs.

    Args:
        operation: Checked; its status, times, result and error are set as it goes.
        chunk_size: Records a chunk at most.

    Attributes:
        chunk_count: Number of chunks.
        in_order: Its chunks must not overtake each other.
        ended: Set at its end, however it came.
    """

    def __init__(self, operation: BatchOperation, chunk_size: int) -> None:
        self.operation = operation
        self.size = operation.get_batch_size()
        self.chunk_size = chunk_size
        self.chunk_count = -(-self.size // chunk_size)
        self.in_order = False
        self.ended = asyncio.Event()
        self._plan: Plan | None = None
        self._observer: ChangeObserver | None = None
        self._settled_chunks = 0
        self._stopped: ServerError | None = None
        self._timeout: float | None = None
        self._done: set[int] = set()
        self._results: list[dict[str, Any] | None] = [None] * self.chunk_count
        self._ids: list[int | None] = [None] * self.size if isinstance(operation, CreateOperation) else []
        self._failed: dict[int, RejectedRecord] = {}
        self._error_types: dict[int, str] = {}

    @property
    def results(self) -> list[dict[str, Any]]:
        """One dictionary a chunk that was settled, in input order."""
        return [result for result in self._results if result is not None]

    def all_settled(self) -> bool:
        """Every chunk has come to its end."""
        return self._settled_chunks == self.chunk_count

    def touched_ids(self) -> Sequence[int]:
        """Database ids it changes."""
        return () if isinstance(self.operation, CreateOperation) else ids_of(self.operation)

    async def prepare(self, road: Road) -> None:
        """Choose how it is sent; asks the server one question at most."""
        operation = self.operation
        operation.status = OperationStatus.EXECUTING
        operation.started_at = time.time()
        operation.completed_at = operation.error = operation.result = None
        self._observer = observer_of(road.client)
        self._timeout = road.policy.timeout
        self._plan = await plan_for(self.operation, road, self._settled)
        self.in_order = self._plan.in_order

    async def settle(self, index: int) -> tuple[int, int]:
        """Bring one chunk to its end.

        Returns:
            Records that went in, and records that did not.
        """
        start = index * self.chunk_size
        stop = min(start + self.chunk_size, self.size)
        began = time.perf_counter()
        if self._observer is None:
            await self._send(start, stop)
        else:
            # What was sent must be known when it has to be undone.
            await finish_before_cancel(self._send(start, stop))
        rows = [row for row in range(start, stop) if row in self._failed] if self._failed else []
        self._settled_chunks += 1
        self._results[index] = self._result(start, stop, rows, time.perf_counter() - began)
        return stop - start - len(rows), len(rows)

    def finish(self) -> None:
        """What its chunks make of the operation."""
        operation = self.operation
        operation.completed_at = time.time()
        settled = self.all_settled()
        good = settled and not self._failed
        if isinstance(operation, CreateOperation):
            operation.result = self._ids
        elif settled:
            operation.result = good
        if good:
            operation.status = OperationStatus.COMPLETED
        else:
            operation.status = OperationStatus.FAILED if settled else OperationStatus.CANCELLED
            first = min(self._failed, default=None)
            operation.error = "Operation cancelled" if first is None else self._failed[first].message
        self.ended.set()

    async def _send(self, start: int, stop: int) -> None:
        assert self._plan is not None, "prepare() comes first"
        if self._observer is not None:
            try:
                await self._tell_before(self._observer, start, stop)
            except Exception as error:  # noqa: BLE001 - whatever it was: without the old values nothing is sent
                self._fail(
                    range(start, stop),
                    "not_recorded",
                    f"Values before the change cannot be read: {error}",
                    type(error).__name__,
                )
                return
        for sender, chunk in self._plan.pieces(start, stop):
            if self._stopped is None:
                try:
                    await sender.settle(chunk)
                    continue
                except RunStopped as stopped:
                    self._stopped = stopped.error
            # Hopeless for every record: what was not settled was not executed, and nothing more is sent.
            left = [row for row in chunk.rows() if not self._is_settled(row)]
            self._fail(left, "not_sent", self._stopped.message, error_type(self._stopped, "not_sent"))

    def _is_settled(self, row: int) -> bool:
        return row in self._failed or (self._ids[row] is not None if self._ids else row in self._done)

    async def _tell_before(self, observer: ChangeObserver, start: int, stop: int) -> None:
        operation = self.operation
        if isinstance(operation, CreateOperation):
            return
        ids = ids_of(operation)[start:stop]
        if not isinstance(operation, UpdateOperation):
            await observer.before_delete(operation.model, ids, operation.context)
        elif isinstance(operation.data, dict):
            names = list(operation.data)
            await observer.before_update(operation.model, dict.fromkeys(ids, names), operation.context)
        else:
            written: dict[int, set[str]] = {}
            for record in operation.data[start:stop]:
                written.setdefault(record["id"], set()).update(name for name in record if name != "id")
            await observer.before_update(operation.model, written, operation.context)

    def _settled(self, settled: Settled) -> None:
        """The engine has brought some rows to their end."""
        rows = settled.chunk.rows()
        if settled.state is RowState.CREATED and settled.ids is not None:
            ids = self._ids
            for row, record_id in zip(rows, settled.ids, strict=True):
                ids[row] = record_id
            if self._observer is not None:
                self._observer.created(self.operation.model, list(settled.ids), self.operation.context)
        elif settled.state is RowState.REJECTED:
            for reject in settled.rejects:
                self._failed[reject.row] = RejectedRecord(*reject[:4], self._record(reject.row))
                self._error_types[reject.row] = error_type(settled.error, reject.code)
        elif settled.state is RowState.UNKNOWN:
            message = told(settled.error, self._timeout)
            self._fail(rows, "unknown", message, error_type(settled.error, "unknown"))
        else:
            self._done.update(rows)

    def _fail(self, rows: Iterable[int], code: str, message: str, kind: str) -> None:
        for row in rows:
            self._failed[row] = RejectedRecord(row, None, code, message, self._record(row))
            self._error_types[row] = kind

    def _record(self, row: int) -> Any:
        data = self.operation.data
        return data if isinstance(data, dict) else data[row]

    def _result(self, start: int, stop: int, failed: list[int], seconds: float) -> dict[str, Any]:
        operation = self.operation
        result: dict[str, Any] = {
            "success": not failed,
            "operation_id": operation.operation_id,
            "operation_type": operation.operation_type.value,
            "model": operation.model,
            "record_count": stop - start,
            "duration": seconds,
        }
        if failed:
            result["error"] = self._failed[failed[0]].message
            result["error_type"] = self._error_types[failed[0]]
            result["rejects"] = [self._failed[row] for row in failed]
        else:
            result["result"] = self._ids[start:stop] if isinstance(operation, CreateOperation) else True
        return result
