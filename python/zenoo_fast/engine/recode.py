"""Records that a validator changed, serialised anew; the others' bytes stay as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from zenoo_fast._core import Chunk, Layout, RowSet, Schema
from zenoo_fast.engine.outcome import Reject
from zenoo_fast.plugins.examine import Findings, Kinds, ValidatorError

_WHOLE = 1 << 40
_KINDS: Mapping[str, Any] = {
    "integer": "integer",
    "many2one": "integer",
    "many2one_reference": "integer",
    "float": "float",
    "monetary": "float",
    "boolean": "boolean",
}
_IDS = frozenset({"id", ".id"})


class Recoder:
    """Puts a validator's findings into a chunk.

    Args:
        schema: The model's fields.
        fields: The answer of ``fields_get``.
        load: Rows are of the ``load`` shape.
        defaults: What an empty value becomes, as in the rows' own layout.
    """

    def __init__(
        self, schema: Schema, fields: Mapping[str, Mapping[str, Any]], *, load: bool, defaults: Mapping[str, Any]
    ) -> None:
        self.kinds: Kinds = {} if load else {name: _KINDS[kind] for name, kind in _types(fields) if kind in _KINDS}
        shape: Any = "load" if load else "vals"
        self._layout = Layout(schema, shape=shape, defaults=defaults, required=not load)
        self._required = {name for name, facts in fields.items() if facts.get("required")}

    def apply(self, chunk: Chunk, findings: Findings, name: str) -> tuple[Chunk, list[Reject]]:
        """The chunk with changed values and without the rejected records.

        Args:
            chunk: What the validator looked at.
            findings: What it found.
            name: The validator's, for messages.

        Raises:
            ValidatorError: It changes what cannot be changed.
        """
        bad = dict(findings.faults)
        changed = [index for index in sorted(findings.changes) if index not in bad and findings.changes[index]]
        if changed:
            encode = self._vals if chunk.fields is None else self._load
            good, rows, faults = encode(chunk, changed, findings.changes, name)
            bad.update({index: (field, code, f"{name}: {message}") for index, field, code, message in faults})
            chunk = chunk.replaced(good, rows)
        if not bad:
            return chunk, []
        order = sorted(bad)
        rejects = [Reject(chunk.row(index), *bad[index], chunk.record(index)) for index in order]
        out = RowSet()
        out.add_rows(chunk.row(index) for index in order)
        return chunk.without(out), rejects

    def _vals(self, chunk: Chunk, changed: Sequence[int], changes: Mapping[int, Any], name: str) -> _Encoded:
        del name
        before = chunk.select(changed).values()
        merged = [{**row, **changes[index]} for index, row in zip(changed, before, strict=True)]
        block = self._layout.extract(merged, max_rows=len(merged), max_bytes=_WHOLE)
        good = [changed[at] for at in block.chunk.rows()]
        rows = [block.chunk.slice(at, at + 1).json() for at in range(len(good))]
        return good, rows, [(changed[at], field, code, message) for at, field, code, message, _ in block.rejects]

    def _load(self, chunk: Chunk, changed: Sequence[int], changes: Mapping[int, Any], name: str) -> _Encoded:
        places = {field: place for place, field in enumerate(chunk.fields or ())}
        for index in changed:
            for field in changes[index]:
                if field not in places or field in _IDS:
                    why = "is the record's id" if field in _IDS else "the rows have no column for"
                    raise ValidatorError(f"{name} changes {field!r:.60}, which {why}")
        values = [changes[index] for index in changed]
        good: list[int] = []
        rows: list[bytes] = []
        faults: list[tuple[int, str | None, str, str]] = []
        at = 0
        while at < len(values):
            # A block ends where the fields change.
            block = self._layout.extract(values, at, max_rows=len(values), max_bytes=_WHOLE)
            fields = block.chunk.fields or ()
            for place, texts in zip(block.chunk.rows(), block.chunk.values(), strict=True):
                index = changed[place]
                empty = [field for field, text in zip(fields, texts, strict=True) if not text]
                if lacking := self._required.intersection(one.partition("/")[0] for one in empty):
                    faults.append((index, min(lacking), "required", "is required and empty"))
                    continue
                row = chunk.slice(index, index + 1).values()[0]
                for field, text in zip(fields, texts, strict=True):
                    row[places[field]] = text
                good.append(index)
                rows.append(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode())
            faults += [(changed[place], field, code, message) for place, field, code, message, _ in block.rejects]
            at += block.read
        return good, rows, faults


_Encoded = tuple[list[int], list[bytes], list[tuple[int, str | None, str, str]]]


def _types(fields: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(name, str(facts.get("type"))) for name, facts in fields.items()]
