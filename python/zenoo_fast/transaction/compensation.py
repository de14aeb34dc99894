"""Reading what a change will overwrite, and putting it back.

Everything here goes through the client's own ``execute_kw`` (reads) and the batch engine (writes), with no observer:
undoing is never itself recorded.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zenoo_fast.batch.manager import BatchManager

if TYPE_CHECKING:
    from zenoo_fast.transaction.records import OperationRecord

_READ_SIZE = 1000
"""Ids a ``read`` or ``search``; a real Odoo reads some 70,000 records a second."""
_CHUNK_SIZE = 200
_RESTORE_PASSES = 2
_WRITE_ONLY = frozenset({"password", "new_password"})
"""Fields that read as empty: writing back what was read would destroy what is there."""
_ATTRIBUTES = ["type", "store", "readonly", "related", "relation", "required"]
_NEVER_CREATED = {"id", "display_name", "create_uid", "create_date", "write_uid", "write_date", "parent_path"}

Values = dict[str, Any]


class Compensation:
    """Reads old values and undoes operations, for one client.

    Args:
        client: A `ZenooClient`, or any object with ``execute_kw``; for operations recorded by hand also its
            ``create``, ``write`` and ``unlink`` where it has them.

    Attributes:
        recreated: Model -> {old id: new id} of deleted records that were created again.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.recreated: dict[str, dict[int, int]] = {}
        self._fields: dict[str, dict[str, dict[str, Any]]] = {}

    async def values_written(
        self, model: str, written: Mapping[int, Collection[str]], context: Mapping[str, Any] | None
    ) -> dict[int, Values]:
        """What these records hold now in the fields about to be written, in the form a ``write`` takes.

        Ids that do not exist are left out, as ``read`` does; so are fields the model does not have: the change
        itself will be refused.
        """
        known = await self._model_fields(model)
        names = sorted({name for fields in written.values() for name in fields} - _WRITE_ONLY)
        if known:
            names = [name for name in names if name in known]
        before = await self._read(model, list(written), names, context)
        return {
            record_id: {name: _writable(values[name], known.get(name)) for name in written[record_id] if name in values}
            for record_id, values in before.items()
        }

    async def values_stored(
        self, model: str, ids: Sequence[int], context: Mapping[str, Any] | None
    ) -> dict[int, Values]:
        """What is needed to create these records again: their stored fields that can be written.

        ``one2many`` fields are left out: the lines of a deleted record are records of their own, which go with it or
        stay behind.
        """
        known = await self._model_fields(model)
        names = sorted(name for name, field in known.items() if _is_copied(name, field))
        before = await self._read(model, ids, names, context)
        return {
            record_id: {name: _writable(values[name], known[name]) for name in names if name in values}
            for record_id, values in before.items()
        }

    async def undo(self, record: OperationRecord) -> None:
        """Undo one operation.

        Raises:
            Exception: What came in the way; some records of it may be undone.
        """
        if record.originals is None:
            await self._undo_by_hand(record)
        elif record.operation_type == "create":
            await self._manager().bulk_delete(
                record.model, self._now(record.model, record.created_ids or []), context=record.operation_context
            )
        elif record.operation_type == "update":
            await self._restore(record)
        else:
            await self._create_again(record)

    async def _restore(self, record: OperationRecord) -> None:
        """Write the old values back, and what Odoo changed on the way (an address taken from the parent) once more."""
        model, context = record.model, record.operation_context
        wanted = {
            self._now(model, [record_id])[0]: await self._with_new_ids(model, values)
            for record_id, values in (record.originals or {}).items()
            if values
        }
        left = wanted
        for _ in range(_RESTORE_PASSES):
            if left:
                updates = [{**values, "id": record_id} for record_id, values in left.items()]
                await self._manager().bulk_update(model, updates, context=context)
                left = await self._different(model, wanted, context)
        if left:
            record_id, values = next(iter(left.items()))
            raise RuntimeError(
                f"Odoo keeps other values in {sorted(values)} of {model} {record_id} ({len(left)} records)"
            )
        if record.unreadable:
            raise RuntimeError(
                f"{sorted(record.unreadable)} of {model} cannot be read, so their old values are not known"
            )

    async def _different(
        self, model: str, wanted: Mapping[int, Values], context: Mapping[str, Any] | None
    ) -> dict[int, Values]:
        """The wanted values that are not there."""
        found = await self.values_written(model, wanted, context)
        different: dict[int, Values] = {}
        for record_id, values in wanted.items():
            now = found.get(record_id, {})
            other = {name: value for name, value in values.items() if _plain(now.get(name)) != _plain(value)}
            if other:
                different[record_id] = other
        return different

    async def _create_again(self, record: OperationRecord) -> None:
        """Create the deleted records again: all of them without links among themselves, then the links."""
        model, originals = record.model, record.originals or {}
        still_there = await self._existing(model, list(originals), record.operation_context)
        old_ids = [record_id for record_id in originals if record_id not in still_there]
        if not old_ids:
            return
        gone = set(old_ids)
        own_links = [
            name for name, field in (await self._model_fields(model)).items() if field.get("relation") == model
        ]
        linked = {
            old: {name: originals[old][name] for name in own_links if _touches(originals[old].get(name), gone)}
            for old in old_ids
        }
        values = [
            await self._with_new_ids(model, {k: v for k, v in originals[old].items() if k not in linked[old]})
            for old in old_ids
        ]
        manager = self._manager()
        try:
            new_ids: list[int | None] = list(await manager.bulk_create(model, values, context=record.operation_context))
        except Exception as error:
            new_ids = getattr(error, "partial_results", {}).get("ids") or [None] * len(old_ids)
            self._remember(record, old_ids, new_ids)
            raise
        self._remember(record, old_ids, new_ids)
        links = [
            {**await self._with_new_ids(model, values), "id": self.recreated[model][old]}
            for old, values in linked.items()
            if values
        ]
        if links:
            await manager.bulk_update(model, links, context=record.operation_context)

    def _remember(self, record: OperationRecord, old_ids: Sequence[int], new_ids: Sequence[int | None]) -> None:
        pairs = {old: new for old, new in zip(old_ids, new_ids, strict=True) if new}
        record.recreated_ids.update(pairs)
        self.recreated.setdefault(record.model, {}).update(pairs)

    async def _undo_by_hand(self, record: OperationRecord) -> None:
        """Undo an operation the caller recorded, by the client's own methods."""
        undone_by = record.get_compensating_operation()
        model = record.model
        if undone_by["type"] == "delete":
            ids = list(undone_by["ids"])
            try:
                await self._call_client("unlink", model, ids)
            except Exception as error:
                # A client object of the caller's may tell "already deleted" in words only.
                if not any(words in str(error).lower() for words in ("does not exist", "not found")):
                    raise RuntimeError(
                        f"Failed to delete records {ids} from {model} during rollback: {error}"
                    ) from error
        elif undone_by["type"] == "update":
            ids = list(undone_by["ids"])
            try:
                await self._call_client("write", model, ids, undone_by["values"])
            except Exception as error:
                raise RuntimeError(
                    f"Failed to restore values for records {ids} in {model} during rollback: {error}"
                ) from error
        else:
            values = undone_by["values"]
            single = isinstance(values, Mapping)
            answers = [await self._call_client("create", model, item) for item in ([values] if single else values)]
            new_ids = [answer[0] if isinstance(answer, list) and answer else answer for answer in answers]
            old_ids = list(undone_by["original_ids"])
            if len(new_ids) == len(old_ids) and all(type(new) is int for new in new_ids):
                self._remember(record, old_ids, new_ids)

    async def _call_client(self, method: str, model: str, *arguments: Any) -> Any:
        own = getattr(self.client, method, None)
        answer = own(model, *arguments) if callable(own) else self.client.execute_kw(model, method, list(arguments), {})
        return await answer if inspect.isawaitable(answer) else answer

    async def _execute(self, model: str, method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        answer = self.client.execute_kw(model, method, args, kwargs)
        return await answer if inspect.isawaitable(answer) else answer

    async def _model_fields(self, model: str) -> dict[str, dict[str, Any]]:
        if model not in self._fields:
            answer = await self._execute(model, "fields_get", [], {"attributes": _ATTRIBUTES})
            self._fields[model] = answer if isinstance(answer, dict) else {}
        return self._fields[model]

    async def _read(
        self, model: str, ids: Sequence[int], names: list[str], context: Mapping[str, Any] | None
    ) -> dict[int, Values]:
        if not names:
            return {}
        found: dict[int, Values] = {}
        for part in _parts(ids):
            for values in await self._execute(model, "read", [part], {"fields": names, **_context(context)}):
                found[values["id"]] = values
        return found

    async def _existing(self, model: str, ids: Sequence[int], context: Mapping[str, Any] | None) -> set[int]:
        found: set[int] = set()
        for part in _parts(ids):
            # Archived records exist too.
            found.update(
                await self._execute(
                    model, "search", [[["id", "in", part]]], _context({**(context or {}), "active_test": False})
                )
            )
        return found

    async def _with_new_ids(self, model: str, values: Values) -> Values:
        """These values with the new ids of records that were created again."""
        if not self.recreated:
            return dict(values)
        known = await self._model_fields(model)
        changed = dict(values)
        for name, value in values.items():
            new_ids = self.recreated.get(known.get(name, {}).get("relation") or "")
            if new_ids:
                changed[name] = _mapped(value, new_ids)
        return changed

    def _now(self, model: str, ids: Iterable[int]) -> list[int]:
        new_ids = self.recreated.get(model, {})
        return [new_ids.get(record_id, record_id) for record_id in ids]

    def _manager(self) -> BatchManager:
        return BatchManager(self.client, max_chunk_size=_CHUNK_SIZE, workers=0)


def _context(context: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"context": dict(context)} if context else {}


def _parts(ids: Sequence[int]) -> Iterable[list[int]]:
    return (list(ids[start : start + _READ_SIZE]) for start in range(0, len(ids), _READ_SIZE))


def _is_copied(name: str, field: Mapping[str, Any]) -> bool:
    return (
        name not in _NEVER_CREATED | _WRITE_ONLY
        and bool(field.get("store", True))
        and not field.get("readonly")
        and not field.get("related")
        and field.get("type") != "one2many"
    )


def _writable(value: Any, field: Mapping[str, Any] | None) -> Any:
    """A value as ``read`` gives it, as ``write`` takes it."""
    kind = (field or {}).get("type")
    if kind == "many2one" or (kind is None and _looks_named(value)):
        return value[0] if isinstance(value, (list, tuple)) and value else value
    if kind in {"many2many", "one2many"} or (kind is None and isinstance(value, list)):
        return [(6, 0, list(value or ()))]
    return value


def _looks_named(value: Any) -> bool:
    """A ``many2one`` as ``read`` gives it: id and name."""
    return isinstance(value, (list, tuple)) and len(value) == 2 and isinstance(value[1], str)


def unreadable(names: Iterable[str]) -> list[str]:
    """Those of these fields whose values cannot be read."""
    return sorted(_WRITE_ONLY.intersection(names))


def _plain(value: Any) -> Any:
    """A value to compare: the order of linked records means nothing."""
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return sorted(value[0][2])
    return value


def _linked_ids(value: Any) -> list[int]:
    if type(value) is int:
        return [value]
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return list(value[0][2])
    return []


def _touches(value: Any, ids: set[int]) -> bool:
    return any(linked in ids for linked in _linked_ids(value))


def _mapped(value: Any, new_ids: Mapping[int, int]) -> Any:
    if type(value) is int:
        return new_ids.get(value, value)
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return [(6, 0, [new_ids.get(linked, linked) for linked in value[0][2]])]
    return value
