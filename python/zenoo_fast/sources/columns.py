"""From a file's header to the targets of its columns."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zenoo_fast.exceptions import ConfigurationError

REASON_COLUMNS = ("_row", "_field", "_code", "_message")
"""What a reject file adds to the input's columns; an import passes them over."""

Fields = Mapping[str, Mapping[str, Any]]
RELATIONS = frozenset({"many2one", "one2many", "many2many"})


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a file's columns go.

    Attributes:
        header: The columns, as the file names them.
        targets: Target of each, ``None`` where it is passed over.
        needs_load: Some column's cells name related records.
        by_text: Cells are texts: a plain relation's are names.
    """

    header: Sequence[str]
    targets: Sequence[str | None]
    needs_load: bool
    by_text: bool = True


def resolve(
    header: Sequence[str],
    mapping: Mapping[str, str],
    model: str,
    fields: Fields,
    database_ids: Collection[str] = (),
) -> Columns:
    """What each column of a header means.

    Args:
        header: Column names of the file: Odoo's import spellings, or keys of the mapping.
        mapping: Column -> target; an empty target leaves the column out.
        model: For messages.
        fields: The answer of ``fields_get``.
        database_ids: Columns whose values are numbers: where one goes to a relation, they are database ids.

    Raises:
        ConfigurationError: A column goes nowhere, to an unknown or readonly field, or two go to one.
    """
    for column in mapping:
        if column not in header:
            names = {one: one for one in header}
            raise ConfigurationError(f"column {column!r} is not in the file{_nearest(column, names)}")
    targets: list[str | None] = []
    needs_load = False
    for number, column in enumerate(header, 1):
        target = mapping.get(column, column)
        if (column in REASON_COLUMNS and column not in mapping) or (column in mapping and not target):
            targets.append(None)
            continue
        if not target:
            raise ConfigurationError(f"column {number} of {len(header)} has no name: name it, or remove it")
        if column in database_ids and fields.get(target, {}).get("type") in RELATIONS:
            target += "/.id"
        needs_load = check_target(target, column, model, fields) or needs_load
        if target in targets:
            same = list(header).count(column) > 1
            advice = "rename one in the file" if same else f"leave one out with --map {column}="
            raise ConfigurationError(f"two columns go to {target}: {advice}")
        targets.append(target)
    if not any(targets):
        raise ConfigurationError("no column of the file goes into Odoo")
    return Columns(header, targets, needs_load)


def check_target(target: str, column: str, model: str, fields: Fields) -> bool:
    """Check one target; ``True`` where only ``load`` can resolve its cells.

    Raises:
        ConfigurationError: An unknown or readonly field, or a form that the field does not have.
    """
    if target in {"id", ".id"}:
        return False
    name, slash, form = target.partition("/")
    facts = fields.get(name)
    if facts is None:
        writable = {one: found for one, found in fields.items() if not found.get("readonly")}
        names = {str(found.get("string")): one for one, found in writable.items()} | {one: one for one in writable}
        other = next((one for one in ",;\t|" if one in column), "")
        hint = f"; is {other!r} the delimiter?" if other else _nearest(name, names)
        raise ConfigurationError(f"column {column!r}: {model} has no field {name}{hint}")
    if facts.get("readonly"):
        raise ConfigurationError(f"column {column!r}: {model}.{name} is readonly")
    relation = facts.get("type") in RELATIONS
    if slash and (not relation or form not in {"id", ".id"}):
        what = "only /id and /.id may follow a field" if relation else f"{model}.{name} is not a relation"
        raise ConfigurationError(f"column {column!r}: {what}")
    return relation and form != ".id"


def _nearest(name: str, names: Mapping[str, str]) -> str:
    """The value of the key that is most like a name."""
    by_small = {known.lower(): meant for known, meant in names.items()}
    found = difflib.get_close_matches(name.lower(), by_small, 1, 0.7)
    return f"; did you mean {by_small[found[0]]!r}?" if found else ""
