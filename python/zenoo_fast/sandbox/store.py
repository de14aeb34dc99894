"""Records of the sandbox in SQLite: one JSON document a record, one transaction a call."""
# ruff: noqa: S608 - table and column names come from the recorded schema only; values are parameters

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from zenoo_fast.sandbox.domain import column, compile_domain, table
from zenoo_fast.sandbox.errors import OdooError, constraint, missing, value_error
from zenoo_fast.sandbox.schema import AUTOMATIC, X2MANY, fields_of, models, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Values = dict[str, Any]
INT4 = 2**31
USER = 2


class Store:
    """All records of the sandbox's database.

    Args:
        path: File that keeps them, or `:memory:`.
    """

    def __init__(self, path: str = ":memory:") -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA synchronous=OFF" if path == ":memory:" else "PRAGMA journal_mode=WAL")
        new = not self._db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        with self.transaction():
            for model in models():
                self._db.execute(
                    f"CREATE TABLE IF NOT EXISTS {table(model)} (id INTEGER PRIMARY KEY AUTOINCREMENT, data TEXT NOT NULL)"  # noqa: E501
                )
            index = f"{column('module')},{column('name')}"
            self._db.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS external ON ir_model_data({index})")
            for model, name, message in (
                ("res.country", "name", "The name of the country must be unique!"),
                ("res.country", "code", "The code of the country must be unique!"),
            ):
                self._db.execute(
                    f'CREATE UNIQUE INDEX IF NOT EXISTS "{model}.{name}|{message}" ON {table(model)}({column(name)})'
                )
            if new:
                self._fill()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is kept, or on an error nothing is."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the transaction that can be undone alone."""
        self._db.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK TO part")
            self._db.execute("RELEASE part")
            raise
        self._db.execute("RELEASE part")

    def _fill(self) -> None:
        for identity, name, code, external in recorded()["countries"]:
            self._put("res.country", {"name": name, "code": code}, identity)
            if external:
                self.link("base", external, "res.country", identity)
        for model, identity, values in (
            ("res.currency", 1, {"name": "USD", "symbol": "$", "active": True}),
            ("res.company", 1, {"name": "My Company", "partner_id": 1, "currency_id": 1, "active": True}),
            ("res.partner", 1, {"name": "My Company", "is_company": True, "active": True}),
            ("res.partner", 2, {"name": "System", "active": False}),
            ("res.partner", 3, {"name": "Administrator", "active": True}),
            ("res.users", 1, {"name": "System", "login": "__system__", "active": False, "partner_id": 2}),
            ("res.users", 2, {"name": "Administrator", "login": "admin", "active": True, "partner_id": 3}),
            ("res.lang", 1, {"name": "English (US)", "code": "en_US", "active": True}),
            ("ir.module.module", 1, {"name": "base", "state": "installed"}),
            ("ir.module.module", 2, {"name": "web", "state": "installed"}),
            ("ir.module.module", 3, {"name": "contacts", "state": "installed"}),
        ):
            self._put(model, values, identity)
        for name, model, identity in (("main_partner", "res.partner", 1), ("main_company", "res.company", 1)):
            self.link("base", name, model, identity)
        for name, definition in models().items():
            self._put("ir.model", {"model": name, "name": definition["name"], "state": "base"})

    # -- the records ----------------------------------------------------------------------------------------------
    def _put(self, model: str, values: Values, identity: int | None = None) -> int:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        stamped = {"create_date": now, "create_uid": USER, **values, "write_date": now, "write_uid": USER}
        text = json.dumps(stamped)
        try:
            if identity is None:
                cursor = self._db.execute(f"INSERT INTO {table(model)}(data) VALUES (?)", (text,))
                return int(cursor.lastrowid or 0)
            self._db.execute(f"INSERT OR REPLACE INTO {table(model)}(id,data) VALUES (?,?)", (identity, text))
        except sqlite3.IntegrityError as error:
            index, _, message = str(error).rpartition("|")
            key = f"Key ({index.rpartition('.')[2]})=(…) already exists."
            raise constraint(message.rstrip("'"), f"psycopg2.errors.UniqueViolation: …\nDETAIL:  {key}") from None
        return identity

    def get(self, model: str, ids: Sequence[int]) -> dict[int, Values]:
        """Stored values of those records that exist."""
        sql = f"SELECT id,data FROM {table(model)} WHERE id IN (SELECT value FROM json_each(?))"
        return {identity: json.loads(data) for identity, data in self._db.execute(sql, (json.dumps(list(ids)),))}

    def require(self, model: str, ids: Sequence[int]) -> dict[int, Values]:
        """Like `get`, but every record has to exist."""
        found = self.get(model, ids)
        for identity in ids:
            if identity not in found:
                raise missing(model, identity)
        return found

    def search(
        self,
        model: str,
        domain: Any,
        *,
        offset: int = 0,
        limit: int | None = None,
        order: str = "",
        archived: bool = False,
    ) -> list[int]:
        """Ids of the records of a domain, in order."""
        sql, values = compile_domain(model, domain or [])
        if not archived and "active" in fields_of(model) and '"active"' not in json.dumps(domain or []):
            sql = f"({sql}) AND {column('active')}=1"
        parts = []
        for part in order.split(",") if order else []:
            name, _, way = part.strip().partition(" ")
            if name not in fields_of(model) or way.strip().lower() not in ("", "asc", "desc"):
                raise value_error(f"Invalid order {order!r} for model {model!r}")
            parts.append(f"{column(name)} {way}")
        query = f"SELECT id FROM {table(model)} WHERE {sql} ORDER BY {','.join([*parts, 'id'])} LIMIT ? OFFSET ?"
        return [row[0] for row in self._db.execute(query, (*values, -1 if limit is None else limit, offset))]

    def create(self, model: str, values: Values) -> int:
        """Create one record, with the model's defaults for what is not given."""
        fields = fields_of(model)
        self._known(model, values)
        later = {name: value for name, value in values.items() if fields[name]["type"] in X2MANY}
        kept = dict(models()[model]["defaults"])
        kept.update({n: self._value(model, n, v) for n, v in values.items() if n not in later and n not in AUTOMATIC})
        self._check(model, kept)
        identity = self._put(model, kept)
        if later:
            self.write(model, [identity], later)
        return identity

    def write(self, model: str, ids: Sequence[int], values: Values) -> None:
        """Write the same values to records that all have to exist."""
        self._known(model, values)
        fields = fields_of(model)
        for identity, kept in self.require(model, ids).items():
            for name, value in values.items():
                if fields[name]["type"] in X2MANY:
                    self._commands(model, identity, kept, name, value)
                elif name not in AUTOMATIC:
                    kept[name] = self._value(model, name, value)
            self._check(model, kept)
            self._put(model, kept, identity)

    def unlink(self, model: str, ids: Sequence[int]) -> None:
        """Delete records that all have to exist, and their external ids."""
        self.require(model, ids)
        chosen = json.dumps(list(ids))
        self._db.execute(f"DELETE FROM {table(model)} WHERE id IN (SELECT value FROM json_each(?))", (chosen,))
        self._db.execute(
            f"DELETE FROM ir_model_data WHERE {column('model')}=? AND {column('res_id')} IN (SELECT value FROM json_each(?))",  # noqa: E501
            (model, chosen),
        )

    def _known(self, model: str, values: Values) -> None:
        if not isinstance(values, dict):
            raise OdooError("builtins.AttributeError", f"'{type(values).__name__}' object has no attribute 'items'")
        for name in values:
            if name not in fields_of(model):
                raise value_error(f"Invalid field {name!r} in {model!r}")

    def _check(self, model: str, values: Values) -> None:
        if model == "res.partner" and (values.get("type") or "contact") == "contact" and not values.get("name"):
            cause = 'new row for relation "res_partner" violates check constraint "res_partner_check_name"'
            raise constraint("Contacts require a name", f"psycopg2.errors.CheckViolation: {cause}")
        for name, field in fields_of(model).items():
            if not field.get("required") or not field.get("store") or field["type"] in (*X2MANY, "boolean"):
                continue
            unset = values.get(name) in (None, False, "") and field["type"] not in ("integer", "float")
            if (
                unset
                and name in ("name", "login", "code", "country_id", "model", "key", "acc_number")
                and model != "ir.model.data"
            ):
                label, title = field["string"], models()[model]["name"]
                raise constraint(
                    f"Missing required value for the field '{label}' ({name}).\nModel: '{title}' ({model})\n"
                    "- create/update: a mandatory field is not set\n"
                    "- delete: another model requires the record being deleted, you can archive it instead\n"
                )

    def _value(self, model: str, name: str, value: Any) -> Any:
        field = fields_of(model)[name]
        kind = field["type"]
        if kind == "boolean":
            return bool(value)
        if value is None or value is False or value == "":
            return 0 if kind in ("integer", "float", "monetary") else False
        if kind in ("integer", "float", "monetary"):
            number: int | float = int(value) if kind == "integer" else float(value)
            if kind == "integer" and not -INT4 <= number < INT4:
                raise OdooError("psycopg2.errors.NumericValueOutOfRange", "integer out of range\n")
            return number
        if kind == "selection":
            allowed = [key for key, _ in field["selection"]]
            if allowed and value not in allowed:
                raise value_error(f"Wrong value for {model}.{name}: {value!r}")
            return value
        if kind == "many2one":
            return self._reference(model, name, value)
        text = value if isinstance(value, str) else str(value)
        if "\0" in text:
            raise value_error("A string literal cannot contain NUL (0x00) characters.")
        return text

    def _reference(self, model: str, name: str, value: Any) -> int:
        field = fields_of(model)[name]
        if isinstance(value, list) and value:
            value = value[0]
        try:
            identity = int(value)
        except (TypeError, ValueError):
            text = f'invalid input syntax for type integer: "{value}"\nLINE 1: ...\n'
            raise OdooError("psycopg2.errors.InvalidTextRepresentation", text) from None
        if identity not in self.get(field["relation"], [identity]):
            if field["relation"] == "res.partner":
                raise missing("res.partner", identity)
            key = f'Key ({name})=({identity}) is not present in table "{field["relation"].replace(".", "_")}".'
            raise constraint(
                "Another model is using the record you are trying to delete.\n\n"
                f"The troublemaker is: '{models()[model]['name']}' ({model})\n"
                f"Thanks to the following constraint: '{field['string']}' ({name})\nHow about archiving the record instead?",  # noqa: E501
                f"psycopg2.errors.ForeignKeyViolation: insert or update on table violates a constraint\nDETAIL:  {key}",
            )
        return identity

    def _commands(self, model: str, identity: int, kept: Values, name: str, commands: Any) -> None:
        field = fields_of(model)[name]
        other, many = field["relation"], field["type"] == "many2many"
        inverse = field.get("relation_field", "")
        ids: list[int] = (
            list(kept.get(name) or []) if many else self.search(other, [(inverse, "=", identity)], archived=True)
        )
        for command in commands or []:
            code, target, value = (*command, 0, 0)[:3] if isinstance(command, (list, tuple)) else (4, command, 0)
            if code == 0:
                ids.append(self.create(other, value if many else {**value, inverse: identity}))
            elif code == 1:
                self.write(other, [target], value)
            elif code == 2:
                self.unlink(other, [target])
                ids = [one for one in ids if one != target]
            else:
                self._relink(other, "" if many else inverse, identity, ids, code, target, value)
        if many:
            self.require(other, ids)
            kept[name] = sorted(dict.fromkeys(ids))

    def _relink(
        self, other: str, inverse: str, identity: int, ids: list[int], code: int, target: int, value: Any
    ) -> None:
        wanted = [*ids, target] if code == 4 else [one for one in ids if one != target] if code == 3 else []
        if code == 6:
            wanted = list(value or [])
        if inverse:
            self.write(other, [one for one in ids if one not in wanted], {inverse: False})
            self.write(other, wanted, {inverse: identity})
        ids[:] = wanted

    # -- external ids -------------------------------------------------------------------------------------------------
    def external(self, module: str, name: str) -> tuple[str, int, bool] | None:
        """Model, id and noupdate of an external id, or None."""
        wanted = ",".join(column(one) for one in ("model", "res_id", "noupdate"))
        sql = f"SELECT {wanted} FROM ir_model_data WHERE {column('module')}=? AND {column('name')}=?"
        row = self._db.execute(sql, (module, name)).fetchone()
        return (row[0], row[1], bool(row[2])) if row else None

    def link(self, module: str, name: str, model: str, identity: int, *, noupdate: bool = False) -> None:
        """Give a record an external id."""
        self._put(
            "ir.model.data", {"module": module, "name": name, "model": model, "res_id": identity, "noupdate": noupdate}
        )
