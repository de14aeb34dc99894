"""Which rows and which field an error of the server is about: hints, from which no row is judged unheard.

The field is for the reject file. The rows are those that are looked at first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from zenoo_fast.engine.chunks import AnyChunk
from zenoo_fast.engine.outcome import ServerError

_NAMED = re.compile(r"\b(?:[Ff]ield|column) '?\"?(?:[a-z_.]+\.)?([a-z_][a-z0-9_]*)'?\"?")
_REQUIRED = re.compile(r"required value for the field '[^'\n]*' \(([a-z_][a-z0-9_]*)\)")
_WRONG_VALUE = re.compile(r"Wrong value for [a-z0-9_.]+\.([a-z_][a-z0-9_]*): ")
_RECORD = re.compile(r"\bRecord: [a-z0-9_.]+\((\d+),?\)")
_KEY = re.compile(r"^DETAIL: +Key \(([a-z_][a-z0-9_]*)[,)].*", re.MULTILINE)
_RECORDS = re.compile(r"\bRecords?: ([a-z0-9_.]+)\(([\d, ]+)\)")
_TAKEN = re.compile(r"^DETAIL: +Key \(([a-z0-9_]+)\)=\((.*)\) already exists", re.MULTILINE)
_ABSENT = re.compile(r"Key \(([a-z0-9_]+)\)=\((\d+)\) is not present in table \"([a-z0-9_]+)\"")
_CONSTRAINT = re.compile(r"violates check constraint \"([a-z0-9_]+)\"")
_NULL = re.compile(r"null value in column \"([a-z0-9_]+)\"")
_WORD = re.compile(r"[a-z_][a-z0-9_]*")


class Fault(NamedTuple):
    """What an error tells of a record's values.

    Attributes:
        values: Fields and values.
        certain: PostgreSQL itself said that this value cannot go in, whatever the record's others are.
    """

    values: tuple[tuple[str, Any], ...]
    certain: bool = False


def blame(error: ServerError, record: AnyChunk, model: str) -> tuple[str | None, str]:
    """The field at fault, where it can be told, and what to say.

    Args:
        error: As the server gave it. PostgreSQL's own words, which name the column, are in its traceback.
        record: The one record that was refused.
        model: Its model.

    Returns:
        Field or ``None``; the server's message, or a clearer one where the server's would mislead.
    """
    absent = _ABSENT.search(error.debug)
    if absent is not None:
        # Odoo words every broken foreign key as if a record was to be deleted.
        field, number, table = absent.groups()
        return field, f"there is no record {number} in {table.replace('_', '.')} for the field '{field}'"
    values = _values(record)
    return _field(error, values, model.replace(".", "_")), error.message


def suspects(error: ServerError, piece: AnyChunk, model: str) -> dict[int, Fault]:
    """Which records of a refused call the error tells of, by what it says of their values.

    Args:
        error: As the server gave it.
        piece: The records of the call.
        model: Their model.

    Returns:
        Index -> the values that the error tells of, in ascending order; records with equal ones share their fault.
        Empty where the error says nothing that tells records apart.
    """
    records = _RECORDS.search(error.message)
    numbers = {one.strip() for one in records.group(2).split(",") if one.strip()} if records is not None else set()
    ids = piece.ids()
    if records is not None and ids is not None and records.group(1) == model:
        found = {index: Fault(((".id", one),)) for index, one in enumerate(ids) if str(one) in numbers}
        if found:
            return found
    told = _told(error, numbers)
    if told is None:
        return {}
    try:
        rows = _all_values(piece)
    except ValueError:
        return {}
    blank = dict.fromkeys(name for values in rows for name in values)  # an empty cell is left out of `create`
    faults = [told({**blank, **values}) for values in rows]
    return {index: fault for index, fault in enumerate(faults) if fault is not None}


def _told(error: ServerError, numbers: set[str]) -> Callable[[Mapping[str, Any]], Fault | None] | None:
    """What the error says of the values of the records it is about."""
    for pattern in (_ABSENT, _TAKEN):
        found = pattern.search(error.debug)
        if found is not None:
            one = (found.group(1), found.group(2))
            certain = Fault((one,), certain=True)
            return lambda values: certain if one[0] in values and str(values[one[0]]) == one[1] else None
    empty = _REQUIRED.search(error.message) or _NULL.search(error.debug)
    if empty is not None:
        name = empty.group(1)
        return lambda values: Fault(((name, None),)) if values.get(name) in ("", False, None) else None
    if numbers:
        return lambda values: _numbered(values, numbers)
    if _CONSTRAINT.search(error.debug) is not None:
        return lambda values: _empty(error.message, values)
    return None


def _numbered(values: Mapping[str, Any], numbers: set[str]) -> Fault | None:
    hits = [(name, str(value)) for name, value in values.items() if _is_id(name, value, str(value))]
    found = tuple(hit for hit in hits if hit[1] in numbers)
    return Fault(found) if found else None


def _empty(message: str, values: Mapping[str, Any]) -> Fault | None:
    name = named_empty(message, values)
    return Fault(((name, None),)) if name is not None else None


def _field(error: ServerError, values: Mapping[str, Any], table: str) -> str | None:
    for pattern, text in (
        (_REQUIRED, error.message),
        (_WRONG_VALUE, error.message),
        (_NAMED, error.message),
        (_NULL, error.debug),
        (_KEY, error.debug),
    ):
        found = pattern.search(text)
        if found is not None:
            return found.group(1)
    missing = _RECORD.search(error.message)
    if missing is not None:
        return _only(name for name, value in values.items() if _is_id(name, value, missing.group(1)))
    constraint = _CONSTRAINT.search(error.debug)
    if constraint is not None:
        # `res_partner_check_name`: the name of a constraint holds the field's as often as not.
        words = constraint.group(1).removeprefix(f"{table}_").replace("check_", "").replace("_check", "")
        if words in error.message.lower().split() or words in values:
            return words
    return named_empty(error.message, values)


def named_empty(message: str, values: Mapping[str, Any]) -> str | None:
    """The one empty field whose name the message says: `Contacts require a name`."""
    words = set(_WORD.findall(message.lower()))
    return _only(name for name, value in values.items() if name in words and value in ("", False, None))


def blame_cells(message: str, fields: Sequence[str] | None, cells: Sequence[Any]) -> str | None:
    """The same for a message of ``load`` that names a row and no field."""
    return named_empty(message, dict(zip(fields or (), cells, strict=False)))


def _values(record: AnyChunk) -> Mapping[str, Any]:
    try:
        return _all_values(record)[0]
    except (ValueError, IndexError):
        return {}


def _all_values(piece: AnyChunk) -> list[Mapping[str, Any]]:
    """Field -> value of each record.

    Raises:
        ValueError: They cannot be decoded.
    """
    rows, fields = piece.values(), piece.fields
    if fields is None:
        return [row if isinstance(row, Mapping) else {} for row in rows]
    names = [name.removesuffix("/.id") for name in fields]
    return [dict(zip(names, row, strict=False)) for row in rows]


def _is_id(name: str, value: Any, number: str) -> bool:
    # A number in another column (a phone, a reference) is not the id that is missing.
    return (type(value) is int or name.endswith("_id")) and str(value) == number


def _only(names: Any) -> str | None:
    found = list(names)
    return found[0] if len(found) == 1 else None
