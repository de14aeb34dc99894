"""`load`: rows of text to records, all of them or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zenoo_fast.sandbox.errors import OdooError, value_error
from zenoo_fast.sandbox.schema import fields_of

if TYPE_CHECKING:
    from zenoo_fast.sandbox.store import Store

TRUE = ("1", "true", "yes", "t", "y")
FALSE = ("", "0", "false", "no", "f", "n")
ENOUGH = 10


class _CellError(Exception):
    def __init__(self, message: str, **more: Any) -> None:
        super().__init__(message)
        self.more = more


class Loader:
    """One call of `load`.

    Args:
        store: Where the records are; the caller has opened a transaction.
        model: Model to load.
        context: `mode` and `noupdate` as Odoo's.
    """

    def __init__(self, store: Store, model: str, context: dict[str, Any]) -> None:
        self._store = store
        self._model = model
        self._fields = fields_of(model)
        self._update = context.get("mode") == "update"
        self._noupdate = bool(context.get("noupdate"))

    def load(self, header: list[str], data: list[list[Any]]) -> dict[str, Any]:
        """Load all rows, or none and the messages."""
        for name in header:
            if name not in (".id", "id") and name.partition("/")[0] not in self._fields:
                raise value_error(f"Invalid field name {name!r}")
        messages: list[dict[str, Any]] = []
        ids: list[int] = []
        try:
            with self._store.savepoint():
                for number, row in enumerate(data):
                    self._guarded(header, row, number, ids, messages)
                    if len(messages) >= ENOUGH and len(messages) >= 0.1 * (number + 1):
                        messages.append(
                            {
                                "type": "warning",
                                "message": "Found more than 10 errors and more than one error per 10 records, interrupted to avoid showing too many errors.",  # noqa: E501
                            }
                        )
                        break
                if messages:
                    raise _CellError("undo")  # noqa: TRY301
        except _CellError:
            return {"ids": False, "messages": messages, "nextrow": 0}
        return {"ids": ids, "messages": [], "nextrow": 0}

    def _guarded(
        self, header: list[str], row: list[Any], number: int, ids: list[int], messages: list[dict[str, Any]]
    ) -> None:
        place = {"rows": {"from": number, "to": number}, "type": "error", "record": number}
        values: dict[str, Any] = {}
        bad = False
        for name, text in zip(header, row, strict=False):
            field, _, by = name.partition("/")
            if name in ("id", ".id"):
                continue
            try:
                values[field] = self._cell(field, by, text)
            except _CellError as error:
                bad = True
                label = self._fields[field]["string"]
                messages.append({**place, "field": field, "message": str(error), **error.more, "field_name": label})
        if bad:
            return
        try:
            with self._store.savepoint():
                ids.append(self._save(dict(zip(header, row, strict=False)), values))
        except _CellError as error:
            messages.append({**place, "message": str(error), **error.more})
        except OdooError as error:
            messages.append({**place, "message": error.message.removeprefix("The operation cannot be completed: ")})

    def _save(self, row: dict[str, Any], values: dict[str, Any]) -> int:
        if row.get(".id"):
            text = row[".id"]
            identity = int(text) if str(text).isdigit() else 0
            if identity not in self._store.get(self._model, [identity]):
                raise _CellError(f"Unknown database identifier '{text}'", field=".id")
            self._store.write(self._model, [identity], values)
            return identity
        external = row.get("id")
        if not external:
            return self._store.create(self._model, values)
        module, _, name = external.rpartition(".")
        module = module or "__import__"
        known = self._store.external(module, name)
        if known and known[1] in self._store.get(self._model, [known[1]]):
            if not (self._update and known[2]):
                self._store.write(self._model, [known[1]], values)
            return known[1]
        identity = self._store.create(self._model, values)
        self._store.link(module, name, self._model, identity, noupdate=self._noupdate)
        return identity

    def _cell(self, name: str, by: str, text: Any) -> Any:  # noqa: C901
        field = self._fields[name]
        kind, label = field["type"], field["string"]
        if text in ("", False, None):
            return [(5, 0, 0)] if kind == "many2many" else False
        if kind == "boolean":
            if str(text).lower() not in TRUE + FALSE:
                raise _CellError(
                    f"Unknown value '{text}' for boolean field '{label}'", moreinfo="Use '1' for yes and '0' for no"
                )
            return str(text).lower() in TRUE
        if kind in ("integer", "float", "monetary"):
            noun = "an integer" if kind == "integer" else "a number"
            try:
                return int(text) if kind == "integer" else float(text)
            except (TypeError, ValueError):
                raise _CellError(f"'{text}' does not seem to be {noun} for field '{label}'") from None
        if kind == "selection":
            for key, shown in field["selection"]:
                if str(text).lower() in (key.lower(), shown.lower()):
                    return key
            shown_all = [shown for _, shown in field["selection"]]
            raise _CellError(f"Value '{text}' not found in selection field '{label}'", moreinfo=shown_all)
        if kind == "many2one":
            return self._find(field, by, str(text))
        if kind == "many2many":
            return [(6, 0, [self._find(field, by, part.strip()) for part in str(text).split(",")])]
        return text

    def _find(self, field: dict[str, Any], by: str, text: str) -> int:
        other = field["relation"]
        found: list[int] = []
        if by == "id":
            module, _, name = text.rpartition(".")
            known = self._store.external(module or "__import__", name)
            found = [known[1]] if known and known[0] == other else []
        elif by == ".id":
            found = list(self._store.get(other, [int(text)])) if text.isdigit() else []
        else:
            found = self._store.search(other, [("display_name", "=", text)], limit=1)
        if found:
            return found[0]
        way = {"id": "external id", ".id": "database id"}.get(by, "name")
        raise _CellError(f"No matching record found for {way} '{text}' in field '{field['string']}'")
