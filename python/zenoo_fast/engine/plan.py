"""Which calls the rows of a chunk become, for each mode of an import.

A plan looks at what is on the server before it answers: rows that are there are told from rows that are new, keys of
related records become database ids, and rows that need no call at all are settled at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Protocol

from zenoo_fast._core import Chunk, RowSet, Schema, revise
from zenoo_fast.engine.caller import Caller, RunStopped
from zenoo_fast.engine.calls import Calls, CreateCalls, LoadCalls, SaveMultiCalls, UnlinkCalls, WriteCalls
from zenoo_fast.engine.chunks import AnyChunk, IdentifiedChunk
from zenoo_fast.engine.outcome import OutcomeKind, Reject, RowState, Settled
from zenoo_fast.engine.prospects import NO_RIGHT
from zenoo_fast.engine.references import References
from zenoo_fast.engine.resolve import known_external_ids
from zenoo_fast.transports.base import Call

Lookups = Mapping[str, Mapping[str, int]]
OnSettled = Callable[[Settled], None]


@dataclass(slots=True)
class Pieces:
    """What is to be sent for a chunk.

    Attributes:
        calls: Which call, for which of its rows.
        known: Rows whose record is on the server already.
    """

    calls: list[tuple[Calls, AnyChunk]] = field(default_factory=list)
    known: RowSet = field(default_factory=RowSet)


class Plan(Protocol):
    """How the chunks of one run are sent.

    Attributes:
        idempotent: Sending a row again does no harm.
        asks: It asks the server before it sends.
        looks_up: It looks up every record, so that rows may need no call: many are looked up together, and what is to
            be sent for them is cut to the size of a call.
    """

    idempotent: bool
    asks: bool
    looks_up: bool

    def names(self, chunk: Chunk) -> AbstractSet[Any]:
        """What names the records of the rows; empty where every row is a record of its own."""

    async def pieces(self, chunk: Chunk, caller: Caller, settle: OnSettled, doubted: RowSet | None) -> Pieces:
        """What to send; rows that need no call are settled here.

        Args:
            chunk: The rows.
            caller: Asks the server.
            settle: Told of rows that need no call.
            doubted: Rows that an earlier attempt sent without learning their end, and that were not there before:
                where they are there now, they are its own.

        Raises:
            RunStopped: The server cannot say what has to be known.
        """


@dataclass(slots=True)
class Model:
    """What a plan knows of the model.

    Attributes:
        name: Technical name.
        schema: Its fields, compiled.
        context: Odoo context of the calls.
        references: Resolves keys of related records; ``None`` where no column names any.
        defaults: What an empty cell of a new record carries in ``load``.
        required: Fields that a new record cannot do without.
    """

    name: str
    schema: Schema
    context: Mapping[str, Any]
    references: References | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()


class CreatePlan:
    """Every row is a new record: one call a chunk."""

    idempotent = False
    looks_up = False

    def __init__(self, model: Model, calls: Calls) -> None:
        self._model = model
        self._calls = calls
        self.asks = model.references is not None

    def names(self, chunk: Chunk) -> AbstractSet[Any]:
        """None."""
        del chunk
        return frozenset()

    async def pieces(self, chunk: Chunk, caller: Caller, settle: OnSettled, doubted: RowSet | None) -> Pieces:
        """The chunk as it is, or with its keys resolved."""
        del doubted
        references = self._model.references
        if references is None:
            return Pieces([(self._calls, chunk)])
        chunk, lookups = await references.resolve(chunk, caller, settle)
        if not len(chunk):
            return Pieces()
        values = revise(self._model.schema, chunk, lookups=lookups, clear=False)
        return Pieces([(self._calls, IdentifiedChunk(_with(chunk, values), None))])


class _Keyed:
    """Rows whose record is named: by an external id or a database id."""

    idempotent = True
    asks = True
    looks_up = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def names(self, chunk: Chunk) -> AbstractSet[Any]:
        """External ids or database ids."""
        return frozenset(chunk.ids() or chunk.external_ids() or ())

    async def _found(self, chunk: Chunk, caller: Caller) -> list[int | None]:
        """Database id of each row's record, where there is one."""
        ids = chunk.ids()
        if ids is not None:
            return list(ids)
        names = chunk.external_ids() or ()
        known = await known_external_ids(caller, self._model.name, names)
        return [known.get(name) for name in names]

    async def _with_ids(self, chunk: Chunk, caller: Caller, settle: OnSettled) -> AnyChunk:
        """Rows of the ``load`` shape whose keys of related records are database ids."""
        references = self._model.references
        if references is None or not len(chunk):
            return chunk
        chunk, lookups = await references.resolve(chunk, caller, settle)
        return references.with_ids(chunk, lookups)


class InsertPlan(_Keyed):
    """Every row is a new record with an external id; a row whose external id is there is left as it is."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._load = LoadCalls(model.name, model.context, insert_only=True)

    async def pieces(self, chunk: Chunk, caller: Caller, settle: OnSettled, doubted: RowSet | None) -> Pieces:
        """Rows that are there need no call."""
        found = await self._found(chunk, caller)
        there = [index for index, one in enumerate(found) if one is not None]
        if there:
            _settle_known(chunk, found, there, settle, doubted, RowState.UNCHANGED)
            chunk = chunk.select([index for index, one in enumerate(found) if one is None])
        rows = await self._with_ids(chunk, caller, settle)
        return Pieces([(self._load, rows)] if len(rows) else [])


class UpsertPlan(_Keyed):
    """A row whose external id is there is written, any other is a new record.

    Args:
        model: What is written to.
        compare: Read what is there first, and write only what differs. Where the values may be written and not read,
            an update that makes no records writes them all.
        insert: New records are made; else their rows are rejected.
    """

    def __init__(self, model: Model, *, compare: bool = False, insert: bool = True) -> None:
        super().__init__(model)
        self._compare = compare
        self._insert = insert
        self._load = LoadCalls(model.name, model.context)
        self._save = SaveMultiCalls(model.name, model.context)
        self._has_save_multi: bool | None = None

    async def pieces(self, chunk: Chunk, caller: Caller, settle: OnSettled, doubted: RowSet | None) -> Pieces:
        """Two kinds of call at most: one for what is new, one for what is there."""
        found = await self._found(chunk, caller)
        if doubted:
            own = [at for at, row in enumerate(chunk.rows()) if found[at] is not None and row in doubted]
            if own:
                _settle_known(chunk, found, own, settle, doubted, RowState.UPDATED)
                rest = [at for at in range(len(chunk)) if at not in set(own)]
                chunk, found = chunk.select(rest), [found[at] for at in rest]
        pieces = Pieces()
        new = [at for at, one in enumerate(found) if one is None]
        if new:
            await self._add_new(chunk.select(new), caller, settle, pieces)
        there = [at for at, one in enumerate(found) if one is not None]
        if there:
            ids = [one for one in found if one is not None]
            known = chunk if not new else chunk.select(there)
            pieces.known.add_rows(known.rows())
            await self._add_known(known, ids, caller, settle, pieces)
        return pieces

    async def _add_new(self, chunk: Chunk, caller: Caller, settle: OnSettled, pieces: Pieces) -> None:
        if not self._insert:
            names: Sequence[Any] = chunk.external_ids() or chunk.ids() or ()
            _reject(chunk, range(len(chunk)), "id", "missing", "there is no record {}", names, settle)
            return
        rows = await self._with_ids(self._filled(chunk, settle), caller, settle)
        if len(rows):
            pieces.calls.append((self._load, rows))

    def _filled(self, chunk: Chunk, settle: OnSettled) -> Chunk:
        """New rows, with defaults in their empty cells; those that lack what a new record needs are rejected."""
        fields, model = chunk.fields or [], self._model
        plain = [name.partition("/")[0] for name in fields]
        defaults = [model.defaults.get(name, "") for name in plain]
        needed = [at for at, name in enumerate(plain) if name in model.required and not defaults[at]]
        absent = sorted(model.required - set(plain) - set(model.defaults))
        if absent:
            _reject(chunk, range(len(chunk)), absent[0], "required", "is required and no column goes to it", (), settle)
            return chunk.select([])
        rows: list[list[str]] = chunk.values()
        changed: dict[int, bytes] = {}
        bad: dict[int, str] = {}
        for at, row in enumerate(rows):
            if "" not in row:
                continue
            empty = next((plain[one] for one in needed if row[one] == ""), None)
            if empty is not None:
                bad[at] = empty
                continue
            row = [cell or default for cell, default in zip(row, defaults, strict=True)]  # noqa: PLW2901
            changed[at] = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
        if changed:
            chunk = chunk.replaced(list(changed), list(changed.values()))
        for at, name in bad.items():
            _reject(chunk, [at], name, "required", "is required and empty", (), settle)
        return chunk.select([at for at in range(len(rows)) if at not in bad]) if bad else chunk

    async def _add_known(self, chunk: Chunk, ids: list[int], caller: Caller, settle: OnSettled, pieces: Pieces) -> None:
        references = self._model.references
        lookups: Lookups = {}
        if references is not None:
            places = dict(zip(chunk.rows(), ids, strict=True))
            chunk, lookups = await references.resolve(chunk, caller, settle)
            ids = [places[row] for row in chunk.rows()]
            if not len(chunk):
                return
        current = await self._current(chunk, ids, caller) if self._compare else None
        if current is not None:
            chunk, ids = self._without_gone(chunk, ids, current, settle)
            if not len(chunk):
                return
        data = json.dumps(current).encode() if current is not None else None
        values = revise(self._model.schema, chunk, lookups=lookups, clear=True, ids=ids, current=data)
        same = [at for at, one in enumerate(values) if one is None]
        if same:
            settle(Settled(chunk.select(same), RowState.UNCHANGED, [ids[at] for at in same]))
            kept = [at for at, one in enumerate(values) if one is not None]
            if not kept:
                return
            chunk, ids = chunk.select(kept), [ids[at] for at in kept]
            values = [values[at] for at in kept]
        await self._add_writes(_with(chunk, values), ids, values, caller, pieces)

    async def _current(self, chunk: Chunk, ids: list[int], caller: Caller) -> list[dict[str, Any]] | None:
        """What the records hold in the columns' fields; ``None`` where an update may not know."""
        fields = [name.partition("/")[0] for name in chunk.fields or () if name not in {"id", ".id"}]
        arguments = {"ids": list(dict.fromkeys(ids)), "fields": fields, "load": ""}
        call = Call(self._model.name, "read", arguments, self._model.context)
        try:
            found: list[dict[str, Any]] = await caller.ask(call, f"records of {self._model.name} cannot be read")
        except RunStopped as stopped:
            if self._insert or stopped.error.name != NO_RIGHT:
                raise
            self._compare = False
            return None
        return found

    def _without_gone(
        self, chunk: Chunk, ids: list[int], current: Sequence[Mapping[str, Any]], settle: OnSettled
    ) -> tuple[Chunk, list[int]]:
        """A record that an external id still names, but that is gone: the row cannot be written."""
        there = {record["id"] for record in current}
        gone = [at for at, one in enumerate(ids) if one not in there]
        if not gone:
            return chunk, ids
        _reject(chunk, gone, "id", "missing", "the record {} is gone", ids, settle)
        kept = [at for at in range(len(ids)) if ids[at] in there]
        return chunk.select(kept), [ids[at] for at in kept]

    async def _add_writes(
        self, chunk: Chunk, ids: list[int], values: Sequence[bytes | None], caller: Caller, pieces: Pieces
    ) -> None:
        """One call for all of them; equal values are one ``write``."""
        groups: dict[bytes, list[int]] = {}
        for at, one in enumerate(values):
            groups.setdefault(one or b"{}", []).append(at)
        if len(groups) > 1 and await self._can_save_multi(caller):
            pieces.calls.append((self._save, IdentifiedChunk(chunk, ids)))
            return
        for value, places in groups.items():
            write = WriteCalls(self._model.name, json.loads(value), self._model.context)
            part = chunk if len(groups) == 1 else chunk.select(places)
            pieces.calls.append((write, IdentifiedChunk(part, [ids[at] for at in places])))

    async def _can_save_multi(self, caller: Caller) -> bool:
        """The server knows ``web_save_multi``; asked once a run, by a call that changes nothing."""
        if self._has_save_multi is None:
            arguments: dict[str, Any] = {"ids": [], "vals_list": [], "specification": {}}
            outcome = await caller.send(Call(self._model.name, "web_save_multi", arguments))
            self._has_save_multi = outcome.kind is OutcomeKind.COMMITTED
        return self._has_save_multi


class DeletePlan(_Keyed):
    """The records of the rows are deleted; a record that is gone already is as wanted."""

    looks_up = False  # all but a record or two have to be deleted

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._unlink = UnlinkCalls(model.name, model.context)

    async def pieces(self, chunk: Chunk, caller: Caller, settle: OnSettled, doubted: RowSet | None) -> Pieces:
        """One call for the records that are there."""
        found = await self._found(chunk, caller)
        there = await self._existing([one for one in found if one is not None], caller)
        gone = [at for at, one in enumerate(found) if one not in there]
        for state, wanted in ((RowState.DELETED, True), (RowState.UNCHANGED, False)):
            rows = chunk.rows()
            part = [at for at in gone if (bool(doubted) and rows[at] in (doubted or ())) is wanted]
            if part:
                settle(Settled(chunk.select(part), state))
        left = [at for at, one in enumerate(found) if one in there]
        if not left:
            return Pieces()
        ids = [found[at] or 0 for at in left]
        return Pieces([(self._unlink, IdentifiedChunk(chunk.select(left), ids))])

    async def _existing(self, ids: Sequence[int], caller: Caller) -> set[int | None]:
        if not ids:
            return set()
        arguments = {"domain": [["id", "in", list(ids)]]}
        call = Call(self._model.name, "search", arguments, {**self._model.context, "active_test": False})
        return set(await caller.ask(call, f"records of {self._model.name} cannot be looked for"))


def _with(chunk: Chunk, values: Sequence[bytes | None]) -> Chunk:
    """The same rows with these values."""
    return chunk.replaced(list(range(len(chunk))), [one or b"{}" for one in values])


def _settle_known(
    chunk: Chunk,
    found: Sequence[int | None],
    places: Sequence[int],
    settle: OnSettled,
    doubted: RowSet | None,
    state: RowState,
) -> None:
    """Rows that are there: this run's own, where an earlier attempt sent them, or others'."""
    rows = chunk.rows()
    own = [at for at in places if doubted and rows[at] in doubted]
    others = [at for at in places if at not in set(own)]
    for part, ends in ((own, RowState.CREATED), (others, state)):
        if part:
            settle(Settled(chunk.select(part), ends, [found[at] or 0 for at in part]))


def _reject(
    chunk: Chunk,
    places: Sequence[int],
    name: str,
    code: str,
    message: str,
    keys: Sequence[Any],
    settle: OnSettled,
) -> None:
    rows = chunk.rows()
    rejects = [
        Reject(rows[at], name, code, message.format(keys[at]) if keys else message, chunk.record(at)) for at in places
    ]
    settle(Settled(chunk.select(list(places)), RowState.REJECTED, rejects=rejects))


def create_calls(model: Model, *, by_load: bool) -> Calls:
    """How new records without an external id are made."""
    return LoadCalls(model.name, model.context, idempotent=False) if by_load else CreateCalls(model.name, model.context)
