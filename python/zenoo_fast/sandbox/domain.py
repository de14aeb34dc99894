"""Search domains, compiled to SQL over the JSON documents of the store."""
# ruff: noqa: S608 - table and column names come from the recorded schema only; values are parameters

from __future__ import annotations

import json
from typing import Any

from zenoo_fast.sandbox.errors import value_error
from zenoo_fast.sandbox.schema import X2MANY, fields_of

ORDERED = ("<", ">", "<=", ">=")
LIKE = ("like", "ilike", "=like", "=ilike", "not like", "not ilike")


def table(model: str) -> str:
    """Quoted table name of a model that exists."""
    return '"' + model.replace(".", "_") + '"'


def column(name: str) -> str:
    """SQL of a field's value; the caller has checked that the field exists."""
    if name == "id":
        return "id"
    return "json_extract(data,'$.name')" if name == "display_name" else f"json_extract(data,'$.{name}')"


def compile_domain(model: str, domain: Any) -> tuple[str, list[Any]]:
    """Compile a domain in Odoo's prefix notation.

    Returns:
        A condition and its parameters.

    Raises:
        OdooError: For an unknown field or operator, or a malformed domain.
    """
    stack: list[tuple[str, list[Any]]] = []
    for term in reversed(list(domain)):
        if term in ("&", "|"):
            if len(stack) < 2:
                raise value_error(f"Invalid domain: {domain!r}")
            (left, a), (right, b) = stack.pop(), stack.pop()
            stack.append((f"({left} {'AND' if term == '&' else 'OR'} {right})", a + b))
        elif term == "!":
            inner, values = stack.pop()
            stack.append((f"(NOT {inner})", values))
        else:
            stack.append(_leaf(model, term))
    if not stack:
        return "1", []
    return " AND ".join(sql for sql, _ in reversed(stack)), [v for _, values in reversed(stack) for v in values]


def _leaf(model: str, term: Any) -> tuple[str, list[Any]]:
    try:
        name, operator, value = term
    except (TypeError, ValueError):
        raise value_error(f"Invalid leaf {term!r}") from None
    if isinstance(name, int):
        return ("1" if name == value else "0"), []
    head, _, rest = str(name).partition(".")
    definition = fields_of(model).get(head)
    if definition is None:
        raise value_error(f"Invalid field {model}.{head} in condition ({name!r}, {operator!r}, {value!r})")
    if rest:
        return _related(head, definition, *compile_domain(definition["relation"], [(rest, operator, value)]))
    if definition["type"] in (*X2MANY, "many2one") and (
        isinstance(value, str) or (operator in LIKE and value is not False)
    ):
        sql, values = compile_domain(definition["relation"], [("display_name", operator, value)])
        return _related(head, definition, sql, values)
    if definition["type"] in X2MANY:
        ids = value if isinstance(value, list) else [value]
        if operator in ("=", "in") and not value:
            return f"(NOT {_related(head, definition, '1', [])[0]})", []
        sql, values = _related(head, definition, "id IN (SELECT value FROM json_each(?))", [json.dumps(ids)])
        return (f"(NOT {sql})" if operator in ("!=", "not in") else sql), values
    return _compare(column(head), operator, value)


def _related(head: str, definition: dict[str, Any], sql: str, values: list[Any]) -> tuple[str, list[Any]]:
    other = table(definition["relation"])
    if definition["type"] == "many2one":
        return f"{column(head)} IN (SELECT id FROM {other} WHERE {sql})", values
    if definition["type"] == "one2many":
        inverse = column(definition.get("relation_field") or "id")
        return f"id IN (SELECT {inverse} FROM {other} WHERE {sql})", values
    inner = f"SELECT value FROM json_each(data,'$.{head}') WHERE value IN (SELECT id FROM {other} WHERE {sql})"
    return f"EXISTS ({inner})", values


def _compare(left: str, operator: str, value: Any) -> tuple[str, list[Any]]:
    empty = value is False or value is None
    if operator in ("=", "!="):
        if isinstance(value, list):
            return _compare(left, "in" if operator == "=" else "not in", value)
        test = f"coalesce({left},0)=0" if empty else f"coalesce({left}=?,0)"
        return (f"(NOT {test})" if operator == "!=" else test), [] if empty else [value]
    if operator in ("in", "not in"):
        values = value if isinstance(value, list) else [value]
        test = f"coalesce({left},0) IN (SELECT value FROM json_each(?))"
        return (f"(NOT {test})" if operator == "not in" else test), [json.dumps(values)]
    if operator in ORDERED:
        return f"{left} {operator} ?", [value]
    if operator in LIKE:
        pattern = str(value) if operator.startswith("=") else f"%{value}%"
        test = f"lower({left}) LIKE lower(?)" if "ilike" in operator else f"{left} GLOB ?"
        if "ilike" not in operator:
            pattern = pattern.replace("*", "[*]").replace("?", "[?]").replace("%", "*").replace("_", "?")
        return (f"(NOT coalesce({test},0))" if operator.startswith("not") else test), [pattern]
    raise value_error(f"Invalid operator in condition ({left!r}, {operator!r}, {value!r})")
