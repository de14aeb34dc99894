"""From a job and its source to the source's layout and the calls that carry it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from zenoo_fast._core import Layout, Schema
from zenoo_fast.engine.job import Job
from zenoo_fast.engine.outcome import OutcomeKind
from zenoo_fast.engine.plan import CreatePlan, DeletePlan, InsertPlan, Model, Plan, UpsertPlan, create_calls
from zenoo_fast.engine.recode import Recoder
from zenoo_fast.engine.references import Reference, References
from zenoo_fast.engine.resolve import DEFAULT_MODULE
from zenoo_fast.exceptions import ConfigurationError, ZenooError
from zenoo_fast.sources.base import Source
from zenoo_fast.sources.columns import REASON_COLUMNS, RELATIONS, Columns, check_target, resolve
from zenoo_fast.transports.base import Call, Transport

WRITES_TO: Mapping[str, str] = {
    "account.move.line": "move_id",
    "hr.expense": "sheet_id",
    "mrp.bom.line": "bom_id",
    "product.product": "product_tmpl_id",
    "product.template.attribute.line": "product_tmpl_id",
    "purchase.order.line": "order_id",
    "sale.order.line": "order_id",
    "stock.move": "picking_id",
    "stock.move.line": "picking_id",
}
"""Models whose records change another one (its totals, its state) -> the field that names it."""
FIELD_FACTS = ("type", "required", "readonly", "selection", "size", "relation", "string")


async def _ask(transport: Transport, call: Call, what: str) -> Any:
    outcome = await transport.call(call)
    if outcome.kind is OutcomeKind.COMMITTED:
        return outcome.value()
    error = outcome.error
    facts = {"name": error.name, "status": error.status} if error else {}
    raise _typed(error.name if error else "", f"{what}: {error.message if error else 'no answer'}", facts)


def _typed(name: str, message: str, facts: Mapping[str, Any]) -> ZenooError:
    from zenoo_fast.exceptions import AuthenticationError, ConnectionError  # noqa: A004 - the contract's name

    if name in {"odoo.exceptions.AccessDenied", "werkzeug.exceptions.Unauthorized", "http.401", "http.403"}:
        return AuthenticationError(message, facts)
    if name.startswith(("odoo.", "builtins.KeyError", "builtins.Attr", "werkzeug.", "psycopg2.errors")):
        return ConfigurationError(message, facts)
    return ConnectionError(message, facts)


async def fields_of(transport: Transport, model: str) -> dict[str, dict[str, Any]]:
    """The answer of ``fields_get``.

    Raises:
        ZenooError: The server cannot be reached, or has no such model.
    """
    call = Call(model, "fields_get", {"allfields": [], "attributes": list(FIELD_FACTS)})
    fields = await _ask(transport, call, f"the fields of {model} cannot be read")
    if not isinstance(fields, dict) or not all(
        isinstance(facts, dict) and "type" in facts for facts in fields.values()
    ):
        raise ConfigurationError(f"the fields of {model} cannot be read: the server's answer makes no sense")
    return fields


async def highest_id(transport: Transport, model: str) -> int:
    """The newest record's database id, 0 where there is none: what a create makes has a higher one.

    Raises:
        ZenooError: The server cannot be asked.
    """
    arguments = {"domain": [], "offset": 0, "limit": 1, "order": "id desc"}
    call = Call(model, "search", arguments, {"active_test": False})
    found = await _ask(transport, call, f"the newest record of {model} cannot be read")
    return int(found[0]) if found else 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """How a job is done.

    Attributes:
        plan: Which calls rows become.
        recoder: Serialises records that validators change.
        lane: Field of the input whose record is written to with every row that names it; empty without one.
        own_references: Columns whose external ids may be those of other rows of the input.
    """

    plan: Plan
    recoder: Recoder
    lane: str
    own_references: Sequence[str]


async def prepare(job: Job, source: Source, transport: Transport, run_id: str) -> Prepared:
    """Ask for the model, resolve the columns, set the source's layout, and choose the plan.

    Raises:
        ConfigurationError: A column goes nowhere, or does not fit the mode.
        ZenooError: The server cannot be asked.
    """
    fields = await fields_of(transport, job.model)
    schema = Schema(job.model, fields)
    if source.columns is None:
        columns = await _mapping_columns(source, job, fields)
    else:
        # Where a relation is matched by a key, its numbers are keys.
        ids = {one for one in source.database_ids if job.mapping.get(one, one) not in job.match}
        columns = resolve(source.columns, job.mapping, job.model, fields, ids)
    _check_ids(job, columns)
    required = [name for name, facts in fields.items() if facts.get("required") and not facts.get("readonly")]
    defaults: dict[str, Any] = {}
    if job.mode not in {"update", "delete"}:
        names = [target.partition("/")[0] for target in columns.targets if target and target not in {"id", ".id"}]
        asked = list(dict.fromkeys([*required, *names]))
        question = Call(job.model, "default_get", {"fields": asked}, job.context)
        defaults = dict(await _ask(transport, question, f"the defaults of {job.model} cannot be read"))
    references = references_of(job, columns, fields)
    by_load = job.mode == "create" and not job.idempotent and columns.needs_load and not references
    shape = _shape(job, columns)
    texts = _defaults(defaults, fields, columns) if shape == "load" else defaults
    settings: dict[str, Any] = {
        "shape": shape,
        # A row that is written over a record clears what its cells leave empty; only new ones take defaults.
        "defaults": texts if job.mode == "create" else {},
        "required": job.mode == "create",
        "external_id": _external_id(job, columns, run_id) if job.idempotent else None,
    }
    source.layout = _layout(job, source, schema, columns, settings)
    recoder = Recoder(schema, fields, load=shape == "load", defaults=settings["defaults"])
    model = Model(
        job.model,
        schema,
        job.context,
        References(references) if references else None,
        {name: str(value) for name, value in texts.items() if value is not None and value is not False},
        frozenset(name for name in required if fields[name].get("type") != "boolean"),
    )
    own = [one.column for one in references if one.model == job.model and not one.key]
    makes_named = job.mode in {"upsert", "sync"}
    plan = _plan(job, model, by_load=by_load)
    return Prepared(plan, recoder, _lane(job.model, columns, fields), own if makes_named else ())


def _lane(model: str, columns: Columns, fields: Mapping[str, Mapping[str, Any]]) -> str:
    """A line's document, or a parent of the same model."""
    names = dict.fromkeys(target.partition("/")[0] for target in columns.targets if target)
    if WRITES_TO.get(model) in names:
        return WRITES_TO[model]
    wanted = ("many2one", model)
    own = (one for one in names if (fields.get(one, {}).get("type"), fields.get(one, {}).get("relation")) == wanted)
    return next(own, "")


def _plan(job: Job, model: Model, *, by_load: bool) -> Plan:
    if job.idempotent:
        return InsertPlan(model)
    if job.mode == "create":
        return CreatePlan(model, create_calls(model, by_load=by_load))
    if job.mode == "delete":
        return DeletePlan(model)
    return UpsertPlan(model, compare=job.mode in {"sync", "update"}, insert=job.mode != "update")


def _shape(job: Job, columns: Columns) -> str:
    if job.mode == "delete":
        return "ids"
    return "load" if job.mode != "create" or job.idempotent or columns.needs_load else "vals"


def _layout(job: Job, source: Source, schema: Schema, columns: Columns, settings: dict[str, Any]) -> Layout:
    targets = columns.targets
    if job.mode == "delete":
        named = ".id" if ".id" in targets else "id"
        targets = [one if one == named else None for one in targets]
    try:
        if source.columns is None:
            settings |= {"identity": _identity(job, columns), "matched": set(job.match)}
            return Layout(schema, renames=_renames(job.mapping), **settings)
        return Layout(schema, columns=targets, **settings)
    except ValueError as error:
        raise ConfigurationError(f"{job.source}: {error}") from error


def _renames(mapping: Mapping[str, str]) -> dict[str, str]:
    """What an earlier run added to its rejects is passed over."""
    return {**dict.fromkeys(REASON_COLUMNS, ""), **mapping}


def _identity(job: Job, columns: Columns) -> Literal["new", "external", "database"]:
    """What names the record of each row, where rows name their own fields."""
    if job.mode == "create":
        return "new"
    by_external_id = job.mode in {"upsert", "sync"} or "id" in columns.targets
    return "external" if by_external_id else "database"


def _check_match(job: Job, columns: Columns, fields: Mapping[str, Mapping[str, Any]]) -> None:
    for column in job.match:
        if column not in columns.targets:
            raise ConfigurationError(f"{job.source}: --match {column}: there is no such column; it names a field")
        if fields.get(column, {}).get("type") not in RELATIONS:
            raise ConfigurationError(f"{job.source}: --match {column}: {job.model}.{column} is not a relation")


def references_of(job: Job, columns: Columns, fields: Mapping[str, Mapping[str, Any]]) -> list[Reference]:
    """The columns whose cells name related records; empty where the server itself has to search names.

    Raises:
        ConfigurationError: A column to match is not there or is no relation, or names related records by their name
            where that cannot be searched for.
    """
    _check_match(job, columns, fields)
    if job.mode == "delete":
        return []
    found: list[Reference] = []
    for target in columns.targets:
        name, _, form = (target or "").partition("/")
        facts = fields.get(name, {})
        if facts.get("type") not in RELATIONS:
            continue
        many = facts["type"] != "many2one"
        if form == "id":
            found.append(Reference(f"{name}/id", str(facts["relation"]), many=many))
        elif not form and name in job.match:
            found.append(Reference(name, str(facts["relation"]), job.match[name], many=many))
        elif not form and columns.by_text:
            if job.mode == "create" and not job.match:
                return []
            advice = f"name its records by {name}/id or {name}/.id, or say --match {name}=FIELD (such as {name}=name)"
            raise ConfigurationError(f"{job.source}: column {name} is a relation: {advice}")
    return found


async def _mapping_columns(source: Source, job: Job, fields: Mapping[str, Mapping[str, Any]]) -> Columns:
    """The keys of the first record; later records may have others, and are checked one by one."""
    first = await source.first()
    keys = [str(one) for one in first] if isinstance(first, dict) else []
    renames = _renames(job.mapping)
    targets: list[str | None] = [renames.get(one, one) or None for one in keys]
    for target in targets:
        if target and targets.count(target) > 1:
            raise ConfigurationError(f"{job.source}: two keys go to {target}: leave one out with --map KEY=")
    needs_load = False
    for one, target in zip(keys, targets, strict=True):
        # A mapping's plain relation holds database ids or commands, which create takes, or keys to be matched.
        if target and (target.endswith("/id") or target in job.match):
            needs_load = check_target(target, one, job.model, fields) or needs_load
    return Columns(keys, targets, needs_load, by_text=False)


def _check_ids(job: Job, columns: Columns) -> None:
    external, database = "id" in columns.targets, ".id" in columns.targets
    if job.mode in {"upsert", "sync"} and columns.targets and not external:
        raise ConfigurationError(
            f"{job.source}: {job.mode} needs a column id with each row's external id (or --map COLUMN=id)"
        )
    if job.mode in {"update", "delete"} and columns.targets and external == database:
        both = "has both" if external else "needs one of them"
        raise ConfigurationError(
            f"{job.source}: {job.mode} goes by a column id (external ids) or .id (database ids): the input {both}"
        )
    if job.mode == "create" and external:
        hint = "leave it out with --map id=, or use mode upsert"
        raise ConfigurationError(
            f"{job.source}: the column id holds external ids, and a create makes new records: {hint}"
        )
    if job.mode in {"create", "upsert", "sync"} and database:
        raise ConfigurationError(f"{job.source}: the column .id holds database ids, which a {job.mode} does not take")


def _external_id(job: Job, columns: Columns, run_id: str) -> tuple[str, str] | tuple[str, str, list[str]]:
    model = job.model.replace(".", "_")
    if not job.key:
        return ("row", f"{DEFAULT_MODULE}.zf_{model}_{run_id}_")
    if not columns.header:
        return ("key", f"{DEFAULT_MODULE}.zf_{model}_", list(job.key))  # a list without records: nothing to be keyed
    targets = []
    for one in job.key:
        if one not in columns.header:
            raise ConfigurationError(f"{job.source}: the key column {one!r} is not in the input")
        targets.append(columns.targets[list(columns.header).index(one)] or one)
    return ("key", f"{DEFAULT_MODULE}.zf_{model}_", targets)


def _defaults(defaults: Any, fields: Mapping[str, Mapping[str, Any]], columns: Columns) -> dict[str, Any]:
    """What an empty cell carries in ``load``: a relation's default is an id, which only a ``/.id`` column can hold."""
    kept: dict[str, Any] = {}
    for name, value in dict(defaults).items():
        relation = "relation" in fields.get(name, {}) and fields[name].get("type") != "many2one_reference"
        if isinstance(value, list | tuple | dict) or (relation and f"{name}/.id" not in columns.targets):
            continue
        kept[name] = value
    return kept
