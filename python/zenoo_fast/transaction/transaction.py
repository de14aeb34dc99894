"""One transaction: what was done in it, and how that is undone."""

from __future__ import annotations

import logging
import time
import uuid
from typing import TYPE_CHECKING, Any

from zenoo_fast.engine.observe import ChangeObserver, observing
from zenoo_fast.transaction.compensation import Compensation, unreadable
from zenoo_fast.transaction.exceptions import (
    NestedTransactionError,
    TransactionCommitError,
    TransactionError,
    TransactionRollbackError,
    TransactionStateError,
)
from zenoo_fast.transaction.records import OperationRecord, Savepoint, TransactionState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

logger = logging.getLogger(__name__)


class Transaction:
    """Remembers changes with the values before them, and undoes them in reverse.

    Odoo commits every call of its external API, so this is a *compensating* transaction: other users see what it did
    before it ends, and undoing is done by further calls. See "Transactions" in the documentation.

    Args:
        client: The client whose changes it remembers.
        transaction_id: Its id; made up without.
        parent: The transaction it is nested in: committing joins that one.
        outer: Who was told of changes before it began.

    Attributes:
        id: Its id.
        state: Where it stands.
        operations: What was done and not undone, in order.
        savepoints: Places to roll back to.
        children: Transactions nested in it.
        start_time: When it began, seconds since the epoch; likewise `end_time`, `committed_at`, `rolled_back_at`.
        rollback_error: What could not be undone, after a rollback that failed.
    """

    def __init__(
        self,
        client: Any,
        transaction_id: str | None = None,
        parent: Transaction | None = None,
        *,
        outer: ChangeObserver | None = None,
    ) -> None:
        self.id = transaction_id or str(uuid.uuid4())
        self.client = client
        self.parent = parent
        self.state = TransactionState.ACTIVE
        self.operations: list[OperationRecord] = []
        self.savepoints: list[Savepoint] = []
        self.children: set[Transaction] = set()
        self.start_time: float | None = time.time()
        self.end_time: float | None = None
        self.committed_at: float | None = None
        self.rolled_back_at: float | None = None
        self.rollback_error: TransactionRollbackError | None = None
        self._outer = outer
        self._context: dict[str, Any] = {}
        # Nested ones share it: a record created again by one has its new id in all of them.
        self._compensation: Compensation = parent._compensation if parent else Compensation(client)  # noqa: SLF001
        if parent is not None:
            parent.children.add(self)

    @property
    def context(self) -> dict[str, Any]:
        """The caller's own notes; see `set_context`."""
        return self._context

    @property
    def is_active(self) -> bool:
        """Neither committed nor rolled back."""
        return self.state is TransactionState.ACTIVE

    @property
    def is_nested(self) -> bool:
        """It is inside another one."""
        return self.parent is not None

    @property
    def duration(self) -> float | None:
        """Seconds from its begin to its end; ``None`` before its end."""
        return None if self.end_time is None else self.get_duration()

    @property
    def recreated_ids(self) -> dict[str, dict[int, int]]:
        """Model -> {old id: new id} of deleted records that a rollback created again; a copy."""
        return {model: dict(ids) for model, ids in self._compensation.recreated.items()}

    def get_duration(self) -> float | None:
        """Seconds from its begin to its end, or until now; ``None`` where the begin was taken away."""
        if self.start_time is None:
            return None
        return (self.end_time or self.rolled_back_at or self.committed_at or time.time()) - self.start_time

    def set_context(self, key: str, value: Any) -> None:
        """Keep a note with the transaction; it is not Odoo's context."""
        self._context[key] = value

    def get_context(self, key: str | None = None, default: Any = None) -> Any:
        """A note, or all of them without a key."""
        return self._context if key is None else self._context.get(key, default)

    # What happens in it

    def add_operation(
        self,
        operation_type: str,
        model: str,
        record_ids: list[int] | None = None,
        original_data: Any | None = None,
        created_ids: list[int] | None = None,
        data: Any | None = None,
        record_id: int | None = None,
        idempotency_key: str | None = None,
        operation_context: dict[str, Any] | None = None,
        rollback_data: Any | None = None,
    ) -> None:
        """Record an operation by hand, one that did not go through the client or the `BatchManager`.

        Args:
            operation_type: ``"create"``, ``"update"`` or ``"delete"``.
            model: Technical model name.
            record_ids: Database ids it touched.
            original_data: Values before the change; without them an update or a delete cannot be undone.
            created_ids: Database ids it created (else `record_ids`).
            data: Another name for `original_data`.
            record_id: One database id, instead of `record_ids`.
            idempotency_key: The caller's own key.
            operation_context: Odoo context of the operation, for the record.
            rollback_data: Of a delete: the values to create the record(s) again with.

        Raises:
            TransactionStateError: The transaction has ended.
        """
        self._check_active("add operation to")
        self.operations.append(
            OperationRecord(
                operation_type=operation_type,
                model=model,
                record_ids=[record_id] if record_id is not None else list(record_ids or ()),
                original_data=original_data or data,
                created_ids=created_ids,
                rollback_data=rollback_data,
                operation_context=operation_context or {},
                idempotency_key=idempotency_key,
            )
        )

    def for_client(self, client: object, /) -> ChangeObserver | None:
        """Who is told of this client's changes: this transaction, or one around it. See `ChangeObserver`."""
        if client is self.client:
            return self if self.is_active else None
        return None if self._outer is None else self._outer.for_client(client)

    async def before_update(
        self, model: str, written: Mapping[int, Collection[str]], context: Mapping[str, Any] | None, /
    ) -> None:
        """See `ChangeObserver`."""
        with observing(None):
            originals = await self._compensation.values_written(model, written, context)
        self._record("update", model, list(written), originals, context)
        self.operations[-1].unreadable = unreadable({name for names in written.values() for name in names})

    async def before_delete(self, model: str, ids: Sequence[int], context: Mapping[str, Any] | None, /) -> None:
        """See `ChangeObserver`."""
        with observing(None):
            originals = await self._compensation.values_stored(model, ids, context)
        self._record("delete", model, list(ids), originals, context)

    def created(self, model: str, ids: Sequence[int], context: Mapping[str, Any] | None, /) -> None:
        """See `ChangeObserver`."""
        self._record("create", model, list(ids), {}, context)

    def _record(
        self,
        operation_type: str,
        model: str,
        ids: list[int],
        originals: dict[int, dict[str, Any]],
        context: Mapping[str, Any] | None,
    ) -> None:
        self.operations.append(
            OperationRecord(
                operation_type=operation_type,
                model=model,
                record_ids=ids,
                created_ids=ids if operation_type == "create" else None,
                operation_context=dict(context or {}),
                originals=originals,
            )
        )

    # Its end

    async def commit(self) -> None:
        """Keep what was done. A nested one hands its operations to its parent, which may still undo them.

        Raises:
            TransactionStateError: It has ended already.
            TransactionCommitError: The parent of a nested one has ended.
        """
        self._check_active("commit")
        try:
            for child in [child for child in self.children if child.is_active]:
                await child.commit()
            await self._perform_commit()
        except Exception as error:
            self.state = TransactionState.FAILED
            raise TransactionCommitError(
                f"Failed to commit transaction {self.id}: {error}", error, transaction_id=self.id
            ) from error
        self.state = TransactionState.COMMITTED
        self.end_time = self.committed_at = time.time()

    async def _perform_commit(self) -> None:
        """Every call is committed by Odoo already: all that is left is to hand the operations on."""
        if self.parent is None:
            return
        if not self.parent.is_active:
            raise NestedTransactionError(
                f"Transaction {self.id} cannot join {self.parent.id}, which is {self.parent.state.value}", self.id
            )
        self.parent.operations.extend(self.operations)

    async def rollback(self) -> None:
        """Undo what was done, in reverse; nothing where it has ended already. After a failure it may be tried again.

        Raises:
            TransactionRollbackError: Some operations could not be undone; the others were.
        """
        if self.state in {TransactionState.COMMITTED, TransactionState.ROLLED_BACK}:
            logger.warning("Transaction %s already %s", self.id, self.state.value)
            return
        failures: list[tuple[OperationRecord, Exception]] = []
        undone = 0
        for child in [child for child in self.children if child.is_active]:
            try:
                await child.rollback()
            except TransactionRollbackError as error:
                failures.extend(error.failed_operations)
        # From here on nothing more is recorded: what a task of the caller's still does is no part of it.
        self.state = TransactionState.FAILED
        undone, failed = await self._undo(self.operations)
        self.end_time = self.rolled_back_at = time.time()
        if failures or failed:
            raise self._rollback_error("transaction " + self.id, undone, [*failures, *failed])
        self.operations.clear()
        self.savepoints.clear()
        self.rollback_error = None
        self.state = TransactionState.ROLLED_BACK

    async def _undo(self, operations: Sequence[OperationRecord]) -> tuple[int, list[tuple[OperationRecord, Exception]]]:
        """Undo operations, the last one first; each is tried, whatever came of the others."""
        undone = 0
        failed: list[tuple[OperationRecord, Exception]] = []
        with observing(None):
            for record in sorted(operations, key=lambda record: record.sequence, reverse=True):
                if record.is_rollback_complete():
                    continue
                if not record.can_rollback():
                    record.mark_rollback_skipped("Operation cannot be rolled back - missing required data")
                    logger.warning("Cannot undo %s on %s: no values from before", record.operation_type, record.model)
                    continue
                try:
                    await self._compensation.undo(record)
                except Exception as error:  # noqa: BLE001 - collected, and raised together
                    record.mark_rollback_failed(str(error))
                    failed.append((record, error))
                else:
                    record.mark_rollback_success()
                    undone += 1
        return undone, failed

    def _rollback_error(
        self, what: str, undone: int, failed: list[tuple[OperationRecord, Exception]]
    ) -> TransactionRollbackError:
        self.rollback_error = TransactionRollbackError(
            f"Failed to rollback {what}: {len(failed)} operations could not be undone, {undone} were",
            transaction_id=self.id,
            failed_operations=failed,
            partial_rollback=undone > 0,
            context={"recreated_ids": self.recreated_ids},
        )
        return self.rollback_error

    # Savepoints

    async def create_savepoint(self, name: str | None = None, context: Mapping[str, Any] | None = None) -> str:
        """Remember this place, to roll back to.

        Args:
            name: A name for it; made up without.
            context: Notes to keep with it, over the transaction's own.

        Returns:
            Its id.

        Raises:
            TransactionStateError: The transaction has ended.
        """
        self._check_active("create savepoint in")
        active = self.get_active_savepoints()
        savepoint = Savepoint(
            name=name or f"sp_{len(self.savepoints)}",
            savepoint_id=str(uuid.uuid4()),
            operation_index=len(self.operations),
            context={**self._context, **(context or {})},
            parent_savepoint_id=active[-1].savepoint_id if active else None,
        )
        self.savepoints.append(savepoint)
        return savepoint.savepoint_id

    async def rollback_to_savepoint(self, savepoint_id: str) -> None:
        """Undo what was done since a savepoint, in reverse; the savepoint stays.

        Raises:
            TransactionStateError: The transaction has ended.
            TransactionError: No such savepoint, or it was released.
            TransactionRollbackError: Some operations could not be undone; they stay recorded.
        """
        self._check_active("rollback")
        savepoint = self._savepoint(savepoint_id)
        if savepoint.is_released:
            raise TransactionError(f"Savepoint {savepoint_id} has already been released", self.id)
        later = self.operations[savepoint.operation_index :]
        undone, failed = await self._undo(later)
        del self.operations[savepoint.operation_index :]
        # Kept, so that rolling back the whole transaction tries them again.
        self.operations.extend(record for record, _ in failed)
        position = self.savepoints.index(savepoint)
        for released in self.savepoints[position + 1 :]:
            released.release()
        del self.savepoints[position + 1 :]
        savepoint.record_rollback()
        self._context.update(savepoint.context)
        if failed:
            raise self._rollback_error("to savepoint " + savepoint.name, undone, failed)

    async def release_savepoint(self, savepoint_id: str) -> None:
        """Forget a savepoint; what was done since stays.

        Raises:
            TransactionError: No such savepoint.
        """
        savepoint = self._savepoint(savepoint_id)
        if not savepoint.is_released:
            savepoint.release()

    def get_active_savepoints(self) -> list[Savepoint]:
        """Savepoints that were not released, oldest first."""
        return [savepoint for savepoint in self.savepoints if savepoint.is_active()]

    def get_savepoint_by_name(self, name: str) -> Savepoint | None:
        """The first savepoint of that name that was not released."""
        return next((savepoint for savepoint in self.get_active_savepoints() if savepoint.name == name), None)

    def _savepoint(self, savepoint_id: str) -> Savepoint:
        for savepoint in self.savepoints:
            if savepoint.savepoint_id == savepoint_id:
                return savepoint
        raise TransactionError(f"Savepoint {savepoint_id} not found in transaction {self.id}", self.id)

    def _check_active(self, doing: str) -> None:
        if not self.is_active:
            words = f"Cannot {doing} {self.state.value} transaction"
            if doing == "rollback":
                words = f"Cannot rollback in {self.state.value} transaction"
            raise TransactionStateError(words, self.id)
