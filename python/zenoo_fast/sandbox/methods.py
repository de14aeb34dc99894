"""The methods that can be called on a model."""
# ruff: noqa: ARG002 - the signatures are those of Odoo

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zenoo_fast.sandbox.load import Loader
from zenoo_fast.sandbox.schema import X2MANY, fields_of, models

if TYPE_CHECKING:
    from zenoo_fast.sandbox.store import Store

Context = dict[str, Any]


class Methods:
    """Public methods of every model; each takes the model and the context besides Odoo's own arguments."""

    RECORDSET = ("write", "unlink", "read", "web_save_multi", "web_read", "exists")

    def __init__(self, store: Store) -> None:
        self._store = store

    def _names(self, model: str, ids: list[int]) -> dict[int, str]:
        return {key: str(values.get("name") or "") for key, values in self._store.get(model, ids).items()}

    def create(self, model: str, context: Context, vals_list: Any) -> Any:
        """Create records; one dictionary answers one id."""
        fill = {
            key[8:]: value
            for key, value in context.items()
            if key.startswith("default_") and key[8:] in fields_of(model)
        }
        rows = vals_list if isinstance(vals_list, list) else [vals_list]
        ids = [self._store.create(model, {**fill, **row} if fill else row) for row in rows]
        return ids if isinstance(vals_list, list) else ids[0]

    def write(self, model: str, context: Context, ids: Any, vals: Any) -> bool:
        """Write the same values to all records."""
        self._store.write(model, _ids(ids), vals)
        return True

    def unlink(self, model: str, context: Context, ids: Any) -> bool:
        """Delete records."""
        self._store.unlink(model, _ids(ids))
        return True

    def read(self, model: str, context: Context, ids: Any, fields: Any = None, load: Any = "_classic_read") -> Any:
        """Read fields; missing records are left out."""
        known = fields_of(model)
        names = list(dict.fromkeys(["id", *(fields or known)]))
        for name in names:
            if name not in known:
                from zenoo_fast.sandbox.errors import value_error

                raise value_error(f"Invalid field {name!r} on {model!r}")
        found = self._store.get(model, _ids(ids))
        answer = []
        for key in _ids(ids):
            if key in found:
                answer.append({name: self._cell(known[name], name, key, found[key], load) for name in names})  # noqa: PERF401
        return answer

    def _cell(self, field: dict[str, Any], name: str, key: int, values: dict[str, Any], load: Any) -> Any:
        if name == "id":
            return key
        if name == "display_name":
            return values.get("name") or ""
        kind = field["type"]
        if kind == "one2many":
            inverse = field.get("relation_field")
            known = inverse and inverse in fields_of(field["relation"])
            return self._store.search(field["relation"], [(inverse, "=", key)]) if known else []
        if kind in X2MANY:
            return values.get(name) or []
        value = values.get(name, False)
        if kind == "many2one" and value and load:
            return [value, self._names(field["relation"], [value]).get(value, "")]
        if kind in ("integer", "float", "monetary"):
            return value or 0
        return False if value is None else value

    def exists(self, model: str, context: Context, ids: Any) -> list[int]:
        """Those ids that exist."""
        found = self._store.get(model, _ids(ids))
        return [key for key in _ids(ids) if key in found]

    def search(
        self,
        model: str,
        context: Context,
        domain: Any,
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
    ) -> list[int]:
        """Ids of a domain."""
        archived = context.get("active_test") is False
        return self._store.search(model, domain, offset=offset or 0, limit=limit, order=order or "", archived=archived)

    def search_read(
        self,
        model: str,
        context: Context,
        domain: Any = None,
        fields: Any = None,
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
        load: Any = "_classic_read",
    ) -> Any:
        """Search, then read."""
        return self.read(model, context, self.search(model, context, domain or [], offset, limit, order), fields, load)

    def search_count(self, model: str, context: Context, domain: Any, limit: int | None = None) -> int:
        """How many records a domain has."""
        return len(self.search(model, context, domain, 0, limit))

    def fields_get(self, model: str, context: Context, allfields: Any = None, attributes: Any = None) -> Any:
        """Field definitions."""
        return {
            name: {key: value for key, value in {**field, "name": name}.items() if not attributes or key in attributes}
            for name, field in fields_of(model).items()
            if not allfields or name in allfields
        }

    def default_get(self, model: str, context: Context, fields: Any) -> Any:
        """Defaults of fields."""
        defaults = dict(models()[model]["defaults"])
        defaults.update({key[8:]: value for key, value in context.items() if key.startswith("default_")})
        return {name: defaults[name] for name in fields if name in defaults}

    def name_search(
        self,
        model: str,
        context: Context,
        name: str = "",
        domain: Any = None,
        operator: str = "ilike",
        limit: int = 100,
    ) -> Any:
        """Ids and names of the records that match a name."""
        terms = [*(domain or [])]
        if name:
            terms.append(("display_name", operator, name))
        ids = self._store.search(model, terms, limit=limit)
        names = self._names(model, ids)
        return [[key, names[key]] for key in ids]

    def load(self, model: str, context: Context, fields: Any, data: Any) -> Any:
        """Import rows of text."""
        return Loader(self._store, model, context).load(fields, data)

    def web_save_multi(self, model: str, context: Context, ids: Any, vals_list: Any, specification: Any) -> Any:
        """Write own values to each record."""
        for key, values in zip(_ids(ids), vals_list, strict=True):
            self._store.write(model, [key], values)
        return self.read(model, context, list(dict.fromkeys(_ids(ids))), ["id", *specification])

    def web_read(self, model: str, context: Context, ids: Any, specification: Any) -> Any:
        """Read the fields of a specification."""
        return self.read(model, context, ids, list(specification), None)

    def context_get(self, model: str, context: Context) -> Any:
        """The user's context."""
        return {"lang": "en_US", "tz": False, "uid": 2}

    def has_access(self, model: str, context: Context, operation: str) -> bool:
        """Whether the user may do something: the administrator may."""
        return True

    def check_access_rights(self, model: str, context: Context, operation: str, raise_exception: bool = True) -> bool:
        """Like `has_access`, as older versions name it."""
        return True


def _ids(ids: Any) -> list[int]:
    return [ids] if isinstance(ids, int) else list(ids)
