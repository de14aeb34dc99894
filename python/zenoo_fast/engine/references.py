"""Keys of related records -> database ids, looked up in bulk before a chunk is sent."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from zenoo_fast._core import Chunk
from zenoo_fast.engine.caller import Caller
from zenoo_fast.engine.chunks import AnyChunk, IdentifiedChunk
from zenoo_fast.engine.outcome import Reject, RowState, Settled
from zenoo_fast.engine.resolve import known_external_ids
from zenoo_fast.transports.base import Call

MOST_KEPT = 200_000
"""Keys remembered a column: an import of millions of rows stays within its memory."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One column that names related records.

    Attributes:
        column: As the rows name it (``parent_id/id``, ``parent_id``).
        model: The related model.
        key: Its field that the cells hold; empty: its external id.
        many: A cell may hold several, with commas between them.
    """

    column: str
    model: str
    key: str = ""
    many: bool = False

    def keys(self, cell: str) -> list[str]:
        """The keys of a cell."""
        if not cell:
            return []
        return [one.strip() for one in cell.split(",")] if self.many else [cell]


class References:
    """Resolves the columns of a run.

    Args:
        columns: Those that name related records.
    """

    def __init__(self, columns: Sequence[Reference]) -> None:
        self._columns = columns
        self._known: dict[str, OrderedDict[str, int]] = {one.column: OrderedDict() for one in columns}

    async def resolve(
        self, chunk: Chunk, caller: Caller, settle: Callable[[Settled], None]
    ) -> tuple[Chunk, Mapping[str, Mapping[str, int]]]:
        """Look the keys of a chunk up; rows with a key that is not there are rejected.

        Returns:
            The other rows, and column -> key -> database id.

        Raises:
            RunStopped: The server cannot say.
        """
        fields = chunk.fields or []
        rows: list[list[str]] = chunk.values()
        lookups: dict[str, Mapping[str, int]] = {}
        bad: dict[int, tuple[str, str, str]] = {}
        for reference in self._columns:
            if reference.column not in fields:
                continue
            at = fields.index(reference.column)
            cells = [reference.keys(row[at]) for row in rows]
            found, twice = await self._look_up(reference, {key for keys in cells for key in keys}, caller)
            lookups[reference.column] = found
            for index, keys in enumerate(cells):
                for key in keys:
                    if key not in found and index not in bad:
                        bad[index] = _fault(reference, key, ambiguous=key in twice)
        if not bad:
            return chunk, lookups
        numbers = chunk.rows()
        rejects = [Reject(numbers[index], *bad[index], chunk.record(index)) for index in sorted(bad)]
        settle(Settled(chunk.select(sorted(bad)), RowState.REJECTED, rejects=rejects))
        return chunk.select([index for index in range(len(rows)) if index not in bad]), lookups

    def with_ids(self, chunk: Chunk, lookups: Mapping[str, Mapping[str, int]]) -> AnyChunk:
        """Rows of the ``load`` shape with database ids in the place of keys (``parent_id/.id``)."""
        fields = chunk.fields or []
        places = [(fields.index(one.column), one) for one in self._columns if one.column in fields]
        rows: list[list[str]] = chunk.values()
        for at, reference in places:
            found = lookups[reference.column]
            for row in rows:
                row[at] = ",".join(str(found[key]) for key in reference.keys(row[at]))
            fields[at] = f"{reference.column.partition('/')[0]}/.id"
        texts = [json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() for row in rows]
        return IdentifiedChunk(chunk.replaced(list(range(len(rows))), texts), None, fields)

    async def _look_up(
        self, reference: Reference, keys: Iterable[str], caller: Caller
    ) -> tuple[Mapping[str, int], set[str]]:
        """Those of the keys that are there, and those that more than one record has."""
        kept = self._known[reference.column]
        wanted = set(keys)
        found = {key: kept[key] for key in wanted if key in kept}
        for key in found:
            kept.move_to_end(key)
        missing = wanted - set(found)
        twice: set[str] = set()
        if missing:
            if reference.key:
                new, twice = await _by_key(reference, missing, caller)
            else:
                new = await known_external_ids(caller, reference.model, missing)
            found |= new
            kept.update(new)
            while len(kept) > MOST_KEPT:
                kept.popitem(last=False)
        return found, twice


async def _by_key(reference: Reference, keys: set[str], caller: Caller) -> tuple[dict[str, int], set[str]]:
    arguments = {"domain": [[reference.key, "in", sorted(keys)]], "fields": [reference.key]}
    call = Call(reference.model, "search_read", arguments, {"active_test": False})
    found: dict[str, int] = {}
    twice: set[str] = set()
    for record in await caller.ask(call, f"{reference.model} cannot be looked up by {reference.key}"):
        key = str(record[reference.key])
        if found.setdefault(key, record["id"]) != record["id"]:
            twice.add(key)
    for key in twice:
        del found[key]
    return found, twice


def _fault(reference: Reference, key: str, *, ambiguous: bool) -> tuple[str, str, str]:
    name = reference.column.partition("/")[0]
    what = f"{reference.key} {key!r}" if reference.key else f"external id {key!r}"
    if ambiguous:
        return name, "ambiguous_reference", f"more than one {reference.model} has the {what}"
    return name, "missing_reference", f"there is no {reference.model} with the {what}"
