"""Records checked by a pydantic model; its errors become rejects, the values it coerces are used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, Literal, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from zenoo_fast.plugins import Fault, Verdict

Model = type[BaseModel]


class PydanticValidator:
    """Checks each record with the pydantic model of its Odoo model.

    Args:
        model: The pydantic model whatever the Odoo model is: a class, or ``module:attr``.
        models: The pydantic model of each Odoo model: ``{"res.partner": "my_package.models:Partner"}``.

    Raises:
        ValueError: Neither or both are given, or a name leads to no pydantic model.
    """

    form: Literal["dicts"] = "dicts"

    def __init__(self, model: Model | str | None = None, models: Mapping[str, Model | str] | None = None) -> None:
        if (model is None) == (not models):
            raise ValueError('give one of model="module:attr" and models={"res.partner": "module:attr"}')
        self._any = None if model is None else _loaded(model)
        self._models = {name: _loaded(one) for name, one in (models or {}).items()}

    def begin(self, model: str, /) -> None:
        """Choose the pydantic model of this Odoo model.

        Raises:
            ValueError: There is none.
        """
        found = self._any or self._models.get(model)
        if found is None:
            raise ValueError(f"no pydantic model for {model}; there are some for {', '.join(sorted(self._models))}")
        self._one = TypeAdapter(found)
        self._many = TypeAdapter(list[found])  # type: ignore[valid-type]
        self._empties = {
            field.validation_alias if isinstance(field.validation_alias, str) else name: _empties(field.annotation)
            for name, field in found.model_fields.items()
        }

    def validate(self, records: list[dict[str, Any]], /) -> Verdict | None:
        """All records at once where they are good; else the good ones once more."""
        plain = [self._without_empties(record) for record in records]
        places = list(range(len(records)))
        faults: list[Fault] = []
        try:
            made = self._many.validate_python(plain)
        except ValidationError as error:
            faults = [_fault(one) for one in error.errors(include_url=False, include_context=False)]
            bad = {fault.index for fault in faults}
            places = [place for place in places if place not in bad]
            made = self._many.validate_python([plain[place] for place in places])
        changes = {}
        for place, instance in zip(places, made, strict=True):
            changed = _changed(records[place], instance)
            if changed:
                changes[place] = changed
        return Verdict(faults, changes) if faults or changes else None

    def _without_empties(self, record: dict[str, Any]) -> dict[str, Any]:
        """Odoo's empty values (``False``, and ``""`` in a ``load``) as ``None``, where the field is of another type."""
        if not any(value is False or value == "" for value in record.values()):
            return record
        return {
            name: None if (value is False or value == "") and value in self._empties.get(name, ()) else value
            for name, value in record.items()
        }


def _loaded(model: Model | str) -> Model:
    found: Any = model
    if isinstance(model, str):
        module, colon, attribute = model.partition(":")
        if not colon or not attribute:
            raise ValueError(f"{model!r} is no module:attr")
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        raise TypeError(f"{model!r} is no pydantic model")
    return found


def _empties(annotation: Any) -> tuple[object, ...]:
    """Odoo's empty values that mean ``None`` for a field so annotated."""
    types = {annotation, *get_args(annotation)}
    return tuple(value for value, kind in ((False, bool), ("", str)) if not types & {kind, Any})


def _fault(error: ErrorDetails) -> Fault:
    index, *path = error["loc"]
    field = str(path[0]) if path else None
    where = ".".join(str(part) for part in path[1:])
    message = f"{where}: {error['msg']}" if where else error["msg"]
    shown = repr(error["input"])
    if not isinstance(error["input"], dict):
        message += f" (it is {shown if len(shown) <= 60 else shown[:57] + '...'})"
    return Fault(int(index), message, field, error["type"])


def _changed(record: dict[str, Any], instance: BaseModel) -> dict[str, Any]:
    """Values that are not as they were; a number or date that reads the same as its text is."""
    changed = {}
    for name, value in instance.model_dump(by_alias=True, exclude_unset=True).items():
        after = value.value if isinstance(value, Enum) else value
        before = record.get(name)
        if after is None and before in (None, False, ""):
            continue
        same = type(after) is type(before) and after == before
        if not same and not (isinstance(before, str) and _text(after) == before):
            changed[name] = after
    return changed


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return value.isoformat() if isinstance(value, date) else str(value)
