"""A client object with ``execute_kw`` that behaves as a small Odoo in memory: what existing callers hand in."""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class OdooError(Exception):
    """As client libraries raise it: one class for everything, the server's exception named in `name`."""

    def __init__(self, message: str, name: str = "odoo.exceptions.ValidationError") -> None:
        super().__init__(message)
        self.name = name
        self.context = {"name": name}


class ValidationError(OdooError):
    """What client libraries call a refusal of the data."""


FIELDS: dict[str, dict[str, Any]] = {
    "id": {"type": "integer", "store": True, "readonly": True},
    "name": {"type": "char", "store": True, "required": True},
    "email": {"type": "char", "store": True},
    "phone": {"type": "char", "store": True},
    "active": {"type": "boolean", "store": True},
    "color": {"type": "integer", "store": True},
    "parent_id": {"type": "many2one", "store": True, "relation": "res.partner"},
    "child_ids": {"type": "one2many", "store": True, "relation": "res.partner"},
    "category_id": {"type": "many2many", "store": True, "relation": "res.partner.category"},
    "display_name": {"type": "char", "store": False, "readonly": True},
    "create_date": {"type": "datetime", "store": True, "readonly": True},
}


class MemoryOdoo:
    """Every call is one transaction: it is applied as a whole or, when it raises, not at all.

    Attributes:
        calls: ``(model, method, args, kwargs)`` of every call, copied as they arrived.
        tables: Model -> id -> values.
        has_save_multi: It knows ``web_save_multi``.
        before: Called with every call before it is applied; may raise, may return an awaitable to be awaited.
        in_flight: Calls being served now; `peak` is the most there ever were.
    """

    def __init__(self, *, has_save_multi: bool = True, latency: float = 0.0) -> None:
        self.calls: list[tuple[str, str, list[Any], dict[str, Any]]] = []
        self.tables: dict[str, dict[int, dict[str, Any]]] = {}
        self.has_save_multi = has_save_multi
        self.latency = latency
        self.before: Callable[[str, str, list[Any], dict[str, Any]], Any] | None = None
        self.in_flight = 0
        self.peak = 0
        self._next_id = 0

    async def execute_kw(
        self, model: str, method: str, args: list[Any], kwargs: dict[str, Any] | None = None, /
    ) -> Any:
        self.calls.append((model, method, copy.deepcopy(args), copy.deepcopy(kwargs or {})))
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            await asyncio.sleep(self.latency)
            if self.before is not None:
                waiting = self.before(model, method, args, kwargs or {})
                if waiting is not None:
                    await waiting
            return self.apply(model, method, args, kwargs or {})
        finally:
            self.in_flight -= 1

    def apply(self, model: str, method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        saved = copy.deepcopy(self.tables)
        try:
            return getattr(self, f"_{method}")(model, *args, **{k: v for k, v in kwargs.items() if k != "context"})
        except BaseException:
            self.tables = saved
            raise

    def count(self, method: str) -> int:
        return sum(1 for call in self.calls if call[1] == method)

    def table(self, model: str = "res.partner") -> dict[int, dict[str, Any]]:
        return self.tables.setdefault(model, {})

    def seed(self, count: int, **values: Any) -> list[int]:
        """Records that were there before; not counted as calls."""
        return self._create("res.partner", [{"name": f"Seed {n}", **values} for n in range(count)])

    # Methods of the models

    def _create(self, model: str, vals_list: Any) -> Any:
        if isinstance(vals_list, dict):
            return self._create(model, [vals_list])[0]
        ids = []
        for values in vals_list:
            self._check(model, values)
            if not values.get("name"):
                raise ValidationError("Missing required value for the field 'Name' (name)")
            self._next_id += 1
            self.table(model)[self._next_id] = self._stored(model, values)
            ids.append(self._next_id)
        return ids

    def _write(self, model: str, ids: list[int], vals: dict[str, Any]) -> bool:
        for record_id in ids:
            self._check(model, vals)
            self._record(model, record_id).update(self._stored(model, vals))
        return True

    def _unlink(self, model: str, ids: list[int]) -> bool:
        for record_id in ids:
            if self._record(model, record_id).get("phone") == "protected":
                raise ValidationError("You cannot delete this record")
        for record_id in set(ids):
            del self.table(model)[record_id]
        return True

    def _read(self, model: str, ids: list[int], fields: list[str] | None = None) -> list[dict[str, Any]]:
        answer = []
        for record_id in ids:
            if record_id not in self.table(model):
                continue
            record = self.table(model)[record_id]
            row: dict[str, Any] = {"id": record_id}
            for name in fields or FIELDS:
                value = record.get(name, False)
                kind = FIELDS[name]["type"]
                if kind == "many2one" and value:
                    value = [value, self.table(FIELDS[name]["relation"]).get(value, {}).get("name", "?")]
                elif kind in {"many2many", "one2many"}:
                    value = list(value or [])
                row[name] = value
            answer.append(row)
        return answer

    def _search(self, model: str, domain: list[Any]) -> list[int]:
        ((field, operator, wanted),) = domain
        assert (field, operator) == ("id", "in")
        return sorted(set(wanted) & set(self.table(model)))

    def _fields_get(self, model: str, attributes: list[str] | None = None) -> dict[str, dict[str, Any]]:
        return copy.deepcopy(FIELDS)

    def _web_save_multi(
        self,
        model: str,
        ids: list[int],
        vals_list: list[dict[str, Any]] | None = None,
        specification: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        if not self.has_save_multi:
            raise OdooError(f"The method '{model}.web_save_multi' does not exist", "builtins.AttributeError")
        assert vals_list is not None
        assert len(ids) == len(vals_list)
        for record_id, values in zip(ids, vals_list, strict=True):
            self._write(model, [record_id], values)
        return [{"id": record_id} for record_id in ids]

    def _record(self, model: str, record_id: int) -> dict[str, Any]:
        if record_id not in self.table(model):
            raise OdooError(
                f"Record does not exist or has been deleted. (Record: {model}({record_id},))",
                "odoo.exceptions.MissingError",
            )
        return self.table(model)[record_id]

    def _check(self, model: str, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if name not in FIELDS:
                raise OdooError(f"Invalid field '{name}' on model '{model}'", "builtins.ValueError")
            if value == "bad":
                raise ValidationError("The value 'bad' is not allowed")

    def _stored(self, model: str, values: dict[str, Any]) -> dict[str, Any]:
        stored = copy.deepcopy(values)
        for name, value in values.items():
            if FIELDS[name]["type"] in {"many2many", "one2many"} and value:
                command = value[0]
                assert tuple(command)[:2] == (6, 0)
                stored[name] = list(command[2])
            if FIELDS[name]["type"] == "many2one" and value and value not in self.table(FIELDS[name]["relation"]):
                raise OdooError(
                    f"Record does not exist or has been deleted. (Record: {model}({value},))",
                    "odoo.exceptions.MissingError",
                )
        return stored


class SyncMemoryOdoo(MemoryOdoo):
    """The same, answering at once instead of with an awaitable."""

    def execute_kw(self, model: str, method: str, args: list[Any], kwargs: dict[str, Any] | None = None, /) -> Any:  # type: ignore[override]
        self.calls.append((model, method, copy.deepcopy(args), copy.deepcopy(kwargs or {})))
        if self.before is not None:
            self.before(model, method, args, kwargs or {})
        return self.apply(model, method, args, kwargs or {})
