"""Finds out which of the rows in doubt are in, by looking for them on the server.

Rows with an external id are looked up by it. Rows of a plain create leave no such trace; they are recognised by their
values among the records that this user has made since the run began and that no other row of the run accounts for.
Only fields that the server is seen to keep as they were sent (on rows that are known to be in) serve for that. Where a
record is left over that no row explains, no row is called absent: sending one again could double it.
"""

from __future__ import annotations

import collections
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zenoo_fast._core import RowSet
from zenoo_fast.engine.caller import Caller
from zenoo_fast.engine.chunks import AnyChunk
from zenoo_fast.engine.feed import BlockSource, Feed
from zenoo_fast.engine.journal_file import JournalState, minus
from zenoo_fast.engine.resolve import known_external_ids
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.transports.base import Call

SERVER_LIMIT_SECONDS = 150.0
"""Above Odoo's ``limit_time_real`` (120 s): after that the server is no longer running a call."""
_SAMPLES = 500
_PAGE = 2000
_EXACT = frozenset({"char", "text", "selection", "date", "datetime", "integer", "boolean", "many2one"})

Fields = Mapping[str, Mapping[str, Any]]


@dataclass(slots=True)
class Findings:
    """What became of the rows in doubt.

    Attributes:
        found: Row -> database id of those that are in.
        absent: Rows that are not in: they may be sent again.
        unknown: Rows that nothing could be found out about.
        compared: Fields that rows were recognised by; empty where it was the external id.
    """

    found: dict[int, int] = field(default_factory=dict)
    absent: RowSet = field(default_factory=RowSet)
    unknown: RowSet = field(default_factory=RowSet)
    compared: tuple[str, ...] = ()


def wait_left(state: JournalState, limit: float) -> float:
    """Seconds until the server, which runs no call for longer than `limit`, can no longer be running one of the run."""
    return max(0.0, state.doubted_at + limit - time.time())


async def by_external_id(caller: Caller, source: BlockSource, state: JournalState) -> Findings:
    """Look the rows in doubt up by their external ids.

    Raises:
        RunStopped: The server cannot say.
    """
    findings = Findings()
    async for chunk in _chunks(source, state.in_doubt):
        known = await known_external_ids(caller, state.facts.model, chunk.external_ids() or ())
        for row, name in zip(chunk.rows(), chunk.external_ids() or (), strict=True):
            if name in known:
                findings.found[row] = known[name]
            else:
                findings.absent.add(row, row + 1)
    return findings


async def by_values(
    caller: Caller, opened: Callable[[], BlockSource], state: JournalState, fields: Fields, uid: int
) -> Findings:
    """Look for the rows in doubt by their values.

    Args:
        caller: Asks the server.
        opened: Opens the run's input, to be read from its begin.
        state: What the journal says.
        fields: The answer of ``fields_get``.
        uid: Database id of the user who ran the import.

    Raises:
        ConfigurationError: The journal does not know what was there when the run began.
        RunStopped: The server cannot say.
    """
    if state.facts.baseline is None:
        raise ConfigurationError(
            "the journal does not say what was there when the run began: look for the rows in Odoo"
        )
    model = state.facts.model
    compared = await _kept_fields(caller, opened, state, fields)
    orphans = await _orphans(caller, model, state, uid)
    records = await _read(caller, model, orphans, compared)
    by_key: dict[tuple[Any, ...], collections.deque[int]] = {}
    for record in records:
        key = tuple(_theirs(record.get(name), fields[name]) for name in compared)
        by_key.setdefault(key, collections.deque()).append(record["id"])
    findings = Findings(compared=compared)
    missing: list[int] = []
    async for chunk in _chunks(opened(), state.in_doubt):
        for row, values in zip(chunk.rows(), _rows(chunk), strict=True):
            key = tuple(_ours(values.get(name), fields[name]) for name in compared)
            ids = by_key.get(key) if compared else None
            if ids:
                findings.found[row] = ids.popleft()
            else:
                missing.append(row)
    explained = len(findings.found) == len(records)
    (findings.absent if explained else findings.unknown).add_rows(missing)
    return findings


async def _chunks(source: BlockSource, rows: RowSet) -> AsyncIterator[AnyChunk]:
    """Chunks of just these rows."""
    ranges = rows.ranges()
    if not ranges:
        return
    last = ranges[-1][1]
    everything = RowSet([(0, last)])
    feed = Feed(source, lambda _read, _rejects: None, limit=last, skip=minus(everything, rows))
    try:
        while (chunk := await feed.next(_PAGE, 8 << 20)) is not None:
            yield chunk
    finally:
        await feed.close()


async def _kept_fields(
    caller: Caller, opened: Callable[[], BlockSource], state: JournalState, fields: Fields
) -> tuple[str, ...]:
    """Fields that the server keeps as they are sent, as seen on rows that are in; at least one row must be."""
    sample = RowSet()
    for row, _ in state.ids:
        sample.add(row, row + 1)
        if len(sample) >= _SAMPLES:
            break
    kept: tuple[str, ...] | None = None
    async for chunk in _chunks(opened(), sample):
        values = _rows(chunk)
        names = sorted({name for one in values for name in one if _comparable(name, fields)})
        kept = tuple(names) if kept is None else tuple(one for one in kept if one in names)
        ids = [state.ids[row] for row in chunk.rows()]
        found = {record["id"]: record for record in await _read(caller, state.facts.model, ids, kept)}
        pairs = [(found[one], ours) for one, ours in zip(ids, values, strict=True) if one in found]
        kept = tuple(
            name
            for name in kept
            if all(_theirs(record[name], fields[name]) == _ours(ours.get(name), fields[name]) for record, ours in pairs)
        )
    if kept is None:
        # Nothing is known to be in: every comparable column counts, and only a full match is taken for one.
        names = [name for name in fields if _comparable(name, fields)]
        async for chunk in _chunks(opened(), state.in_doubt):
            used = {name for one in _rows(chunk) for name in one}
            return tuple(name for name in names if name in used)
    return kept or ()


def _comparable(name: str, fields: Fields) -> bool:
    return fields.get(name, {}).get("type") in _EXACT


async def _orphans(caller: Caller, model: str, state: JournalState, uid: int) -> list[int]:
    """Records of this user, made since the run began, that no row of the run accounts for."""
    known = {record_id for _, record_id in state.ids}
    found: list[int] = []
    after = state.facts.baseline or 0
    while True:
        domain = [["id", ">", after], ["create_uid", "=", uid]]
        arguments = {"domain": domain, "offset": 0, "limit": 100_000, "order": "id"}
        call = Call(model, "search", arguments, {"active_test": False})
        page = await caller.ask(call, f"the new records of {model} cannot be listed")
        if not page:
            return found
        found += [one for one in page if one not in known]
        after = page[-1]


async def _read(caller: Caller, model: str, ids: Sequence[int], names: Iterable[str]) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    wanted = list(names) or ["id"]
    for start in range(0, len(ids), _PAGE):
        arguments = {"ids": ids[start : start + _PAGE], "fields": wanted, "load": ""}
        records += await caller.ask(Call(model, "read", arguments), f"records of {model} cannot be read")
    return sorted(records, key=lambda record: int(record["id"]))


def _rows(chunk: AnyChunk) -> list[dict[str, Any]]:
    """Each row's values by field, in either shape; a column that names a relation's external id is left out."""
    fields = chunk.fields
    if fields is None:
        return chunk.values()
    names = [name.removesuffix("/.id") for name in fields]
    return [
        {name: value for name, value in zip(names, row, strict=True) if "/" not in name and name != "id"}
        for row in chunk.values()
    ]


def _ours(value: Any, facts: Mapping[str, Any]) -> Any:
    """A value as it was sent, in the form that a read would give it."""
    kind = facts["type"]
    if value is None or value is False or value == "":
        return 0 if kind == "integer" else False
    if kind == "boolean":
        return value not in {"0", "False", "false", 0}
    if kind in {"integer", "many2one"}:
        return int(value)
    return value


def _theirs(value: Any, facts: Mapping[str, Any]) -> Any:
    if facts["type"] == "many2one" and isinstance(value, list):
        return value[0]
    return value
