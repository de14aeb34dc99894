"""The import road: a source in, a reconciled report out."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from zenoo_fast._core import RowSet
from zenoo_fast.engine.breaker import Breaker
from zenoo_fast.engine.caller import SendPolicy
from zenoo_fast.engine.coordinator import Coordinator
from zenoo_fast.engine.crew import Control, Crew
from zenoo_fast.engine.feed import BlockSource
from zenoo_fast.engine.job import MAX_CHUNK_BYTES, MODES, Job, Mode, OnReject
from zenoo_fast.engine.journal_file import RunFacts
from zenoo_fast.engine.levels import levels_of
from zenoo_fast.engine.limiter import ChunkSizer, Limiter
from zenoo_fast.engine.pool import WorkerPool
from zenoo_fast.engine.prepare import highest_id, prepare
from zenoo_fast.engine.rejects import RejectFile
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.engine.resume import Account, resumed, source_facts
from zenoo_fast.engine.retry import RetryBudget
from zenoo_fast.engine.validated import ValidatedSource
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.plugins import manager as plugins
from zenoo_fast.plugins.examine import Chosen, choose
from zenoo_fast.plugins.validators import Validator, ValidatorSpec
from zenoo_fast.progress.base import ProgressReporter, RunInfo
from zenoo_fast.progress.choose import reporters as named_reporters
from zenoo_fast.sources.arrow import ArrowStream
from zenoo_fast.sources.base import Source
from zenoo_fast.sources.open import Format, name_of, open_source
from zenoo_fast.transports.base import Transport

IMPORT_CONTEXT: Mapping[str, Any] = {
    "tracking_disable": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
    "mail_post_autofollow_author_skip": True,
}
"""No tracking messages and followers for every imported record: about twice the throughput."""

_WORTH_WORKERS_BYTES = 32 << 20
_WORTH_WORKERS_RECORDS = 200_000
"""Inputs from which ``workers="auto"`` starts processes: below, one loop feeds any Odoo and starts sooner."""
_AUTO_WORKERS = 2
OUTAGE_SECONDS = 6 * 3600.0
"""How long an import waits for a server that is away."""


async def import_records(
    client: Any,
    model: str,
    source: Any,
    *,
    mode: Mode = "create",
    chunk_size: int | Literal["auto"] = "auto",
    concurrency: int | Literal["auto"] | Limiter = "auto",
    workers: int | Literal["auto"] = "auto",
    context: Mapping[str, Any] | None = None,
    keep_tracking: bool = False,
    mapping: Mapping[str, str] | None = None,
    match: Mapping[str, str] | None = None,
    on_reject: OnReject = "continue",
    rejects: str | Path | None = None,
    idempotent: bool = False,
    key: Sequence[str] = (),
    journal: str | Path | None = None,
    resume: bool = False,
    allow_changed_source: bool = False,
    lane: str | None = None,
    limit: int | None = None,
    dry_run: bool = False,
    validators: Sequence[str | type | ValidatorSpec | Validator] = (),
    progress: ProgressReporter | str | Iterable[ProgressReporter | str] | None = None,
    format: Format | None = None,  # noqa: A002 - the option's name
    delimiter: str | None = None,
    encoding: str = "utf-8",
    max_record_bytes: int | None = None,
    max_chunk_bytes: int = MAX_CHUNK_BYTES,
    policy: SendPolicy | None = None,
    control: Control | None = None,
    run_id: str | None = None,
) -> ImportReport:
    """Import records into one model.

    Args:
        client: A logged-in `ZenooClient`, or any object with ``execute_kw`` (then in this process).
        model: Technical model name.
        source: Path of a CSV, NDJSON, Parquet or Arrow file (``-``: standard input), anything with
            ``__arrow_c_stream__`` (tables of pyarrow, polars, pandas, query results), `zenoo_fast.sql`, a list or
            (asynchronous) iterable of mappings.
        mode: ``"create"``: every row is a new record. ``"upsert"``: every row has an external id (``id``); the record
            is written where it exists, and made where it does not. ``"sync"``: an upsert that reads what is there
            first, and writes only what differs. ``"update"``, ``"delete"``: rows name their records by ``id`` or by a
            database id (``.id``); an update, too, writes only what differs. In all but create an empty cell empties
            the field.
        chunk_size: Records a call; ``"auto"`` keeps answers within some two to four seconds.
        concurrency: Calls at once; ``"auto"`` finds out what the server takes; or a `Limiter` of the caller's own,
            whose places may be handed out for several imports.
        workers: Processes that send; ``"auto"``: two for large inputs, else none.
        context: Odoo context of the calls, merged over the import's own (no tracking messages).
        keep_tracking: Leave the import's own context out: every record gets its messages and followers.
        mapping: Column (or key) -> target, where they differ; an empty target leaves the column out.
        match: Relation -> field of the related model that its cells hold (``{"parent_id": "ref"}``); related records
            are looked up by it in bulk.
        on_reject: Go on after a reject, or stop at the first.
        rejects: Where rejects are written; made with the first one, never over another run's file.
        idempotent: Make a ``"create"`` repeatable: every row gets an external id, and a row whose id is there is left
            as it is.
        key: Columns that the external id is made of; without, it is made of the run's id and the row number.
        journal: File for the durable account of the run, from which it can be resumed.
        resume: Go on with the run of that journal: rows that came to their end are not sent again.
        allow_changed_source: Resume although the input is not the same any more; rows are told by their number.
        lane: Relation whose rows of one value go in one call after the other, so that calls at once do not wait for
            the same record; ``""``: none; without: a parent of the same model, or a line's document.
        limit: Rows at most.
        dry_run: Check every row and send nothing but the question for the model's fields.
        validators: Check and change records before they are sent, one after the other: names (a plugin's, or
            ``module:attr``), `ValidatorSpec` for names with a configuration, classes, or objects (without workers).
        progress: Who is told how it goes: reporters, or their names.
        format: What a file is: ``"csv"``, ``"ndjson"``, ``"parquet"``, ``"arrow"``; told from its suffix without, and
            standard input is CSV.
        delimiter: Of a CSV file; told from its header without.
        encoding: Of a CSV or NDJSON file.
        max_record_bytes: A longer record of a CSV or NDJSON file ends the read.
        max_chunk_bytes: Bytes of rows a call at most.
        policy: How often and how long failed calls are repeated; waits out an outage of hours without.
        control: Lets others stop the run.
        run_id: The run's id; made up without.

    Returns:
        The report: every row read is in exactly one of its counts.

    Raises:
        ConfigurationError: Wrong arguments, no such file, a column that goes nowhere; nothing was sent.
        SourceError: Not even the first rows could be read; nothing was sent.
        ZenooError: The server could not be asked for the model's fields.
    """
    _check(mode, key, idempotent=idempotent, resume=resume, journal=journal)
    opened = open_source(
        source, format=format, delimiter=delimiter, encoding=encoding, max_record_bytes=max_record_bytes
    )
    job = Job(
        model,
        mode,
        name_of(source),
        context={**({} if keep_tracking else IMPORT_CONTEXT), **(context or {})},
        mapping=dict(mapping or {}),
        idempotent=idempotent,
        key=tuple(key),
        match=dict(match or {}),
        on_reject=on_reject,
        limit=limit,
        dry_run=dry_run,
        max_chunk_bytes=max_chunk_bytes,
    )
    await asyncio.to_thread(opened.check)
    local = transport_of(client)
    await local.open()
    run_id = run_id or uuid.uuid4().hex[:12]
    plugins.installed().load()
    chosen = [choose(one, model) for one in validators]
    reporters = _reporters(progress)
    account = None
    if journal is not None and not dry_run:
        facts = await _facts(job, source, opened, client, run_id, format, encoding)
        if resume and isinstance(opened, ArrowStream) and not (opened.repeatable or allow_changed_source):
            raise ConfigurationError(
                f"{job.source}: whether a stream gives the same rows again is not known, and they are told by their "
                "number: say --allow-changed-source where it does (a query with ORDER BY)"
            )
        account = (
            resumed(journal, facts, allow_changed=allow_changed_source) if resume else Account(Path(journal), facts)
        )
        run_id = account.facts.run_id
    async with AsyncExitStack() as stack:
        if isinstance(opened, ArrowStream):
            stack.callback(opened.close)
        if account is not None:
            stack.push_async_callback(account.close)
        prepared = await prepare(job, opened, local, run_id)
        plan = prepared.plan
        count = _workers(workers, opened, client, chosen, dry_run=dry_run)
        if account is not None:
            fresh = account.state is None and not plan.idempotent
            baseline = await highest_id(local, model) if fresh else None
            account.begin(idempotent=plan.idempotent, baseline=baseline)
        transport = await stack.enter_async_context(_road(client, local, count, chosen, model))
        pool = transport if isinstance(transport, WorkerPool) else None

        def validated(one: Source) -> BlockSource:
            if not chosen:
                return one
            source = ValidatedSource(one, [found.examiner for found in chosen], prepared.recoder, pool)
            stack.callback(source.close)
            return source

        source = validated(opened)
        info = _info(job, opened, run_id, count, local)
        crew = Crew(
            transport,
            plan,
            concurrency if isinstance(concurrency, Limiter) else Limiter(concurrency),
            ChunkSizer(chunk_size),
            policy
            or SendPolicy(retries=8, outage_seconds=OUTAGE_SECONDS, budget=RetryBudget(floor=30), breaker=Breaker()),
            info,
            rejects=_reject_file(rejects, opened, account),
            journal=account.journal if account else None,
            reporters=reporters,
            events=plugins.installed().events(info),
            control=control or Control(),
            skip=account.skip if account else None,
            doubted=account.doubted if account else None,
            threaded=opened.threaded and not chosen,
            levels=await _levels(opened, prepared.own_references),
            reopen=lambda: validated(opened.again()),
            lane=_lane(lane, prepared.lane, opened),
        )
        return await Coordinator(job, source, crew, account.report if account else None).run()


def _check(mode: str, key: Sequence[str], *, idempotent: bool, resume: bool, journal: str | Path | None) -> None:
    if mode not in MODES:
        raise ConfigurationError(f"mode is one of {', '.join(MODES)}, not {mode!r}")
    if key and not idempotent:
        raise ConfigurationError("key names the columns of an idempotent import's external ids: say idempotent, too")
    if idempotent and mode != "create":
        raise ConfigurationError(f"{mode} is idempotent by itself; idempotent is for mode create")
    if resume and journal is None:
        raise ConfigurationError("resume needs the journal of the run to go on with")


async def _levels(opened: Source, own: Sequence[str]) -> Sequence[RowSet]:
    """Rows that refer to rows of the same input go in after them."""
    if not own or not opened.repeatable:
        return ()
    return await levels_of(opened.again(), own, threaded=opened.threaded)


def _lane(asked: str | None, known: str, opened: Source) -> str:
    """The relation that rows are kept apart by: the one asked for, or one that is known to need it."""
    if asked is None:
        return known
    columns = opened.columns
    if asked and columns is not None and asked not in {one.partition("/")[0] for one in columns}:
        raise ConfigurationError(f"lane {asked}: the input has no such column; it names a field of a relation")
    return asked


async def _facts(
    job: Job,
    source: Any,
    opened: Source,
    client: Any,
    run_id: str,
    format: Format | None,  # noqa: A002 - the option's name
    encoding: str,
) -> RunFacts:
    connection = getattr(client, "connection", None)
    facts = RunFacts(
        run_id,
        job.model,
        job.mode,
        job.source,
        url=getattr(connection, "url", ""),
        database=getattr(connection, "database", ""),
        idempotent=job.idempotent,
        key=job.key,
        mapping=dict(job.mapping),
        match=dict(job.match),
        format=format,
        delimiter=opened.delimiter,
        encoding=encoding,
    )
    path = source if isinstance(source, str | Path) else None
    return await source_facts(job, path, opened.total, facts)


def _info(job: Job, opened: Source, run_id: str, workers: int, local: Transport) -> RunInfo:
    total = opened.total
    return RunInfo(
        run_id,
        job.model,
        job.mode,
        job.source,
        total if job.limit is None or total is None else min(job.limit, total),
        opened.size,
        workers,
        getattr(local, "name", type(local).__name__),
    )


def _reject_file(path: str | Path | None, opened: Source, account: Account | None) -> RejectFile | None:
    if path is None:
        return None
    delimiter = opened.delimiter or ","
    columns = opened.reject_columns if isinstance(opened, ArrowStream) else opened.columns
    if account is not None:
        return account.reject_file(path, columns, delimiter)
    return RejectFile(path, columns, delimiter)


def transport_of(client: Any) -> Transport:
    """The transport of a client in this process.

    Raises:
        ConfigurationError: It is no client.
    """
    transport = getattr(type(client), "transport", None)
    if transport is not None:
        found: Transport = client.transport
        return found
    if not callable(getattr(client, "execute_kw", None)):
        raise ConfigurationError(f"a {type(client).__name__} is no client: it has no execute_kw")
    from zenoo_fast.transports.client_object import ClientObjectTransport

    return ClientObjectTransport(client)


def _reporters(progress: ProgressReporter | str | Iterable[ProgressReporter | str] | None) -> list[ProgressReporter]:
    if progress is None:
        return []
    wanted = list(progress) if isinstance(progress, Iterable) and not isinstance(progress, str) else [progress]
    found: list[ProgressReporter] = []
    for one in wanted:
        found += named_reporters(one) if isinstance(one, str) else [one]
    return found


def _workers(
    workers: int | Literal["auto"],
    source: Source,
    client: Any,
    validators: Sequence[Chosen],
    *,
    dry_run: bool,
) -> int:
    if dry_run or not hasattr(type(client), "transport_spec"):
        return 0
    here_only = next((one.reason for one in validators if one.spec is None), "")
    if workers != "auto":
        if type(workers) is not int or workers < 0:
            raise ConfigurationError(f'workers is a number or "auto", not {workers!r}')
        if workers and here_only:
            raise ConfigurationError(f"{here_only}, or use workers=0")
        return workers
    if here_only:
        return 0
    return _AUTO_WORKERS if _large(source) and (os.cpu_count() or 1) > 1 else 0


def _large(source: Source) -> bool:
    if source.total is not None:
        return source.total >= _WORTH_WORKERS_RECORDS
    if source.size is not None:
        return source.size >= _WORTH_WORKERS_BYTES
    return source.threaded  # nobody knows: a loop that reads mappings would not outrun its own sending


@asynccontextmanager
async def _road(
    client: Any, local: Transport, workers: int, validators: Sequence[Chosen], model: str
) -> AsyncIterator[Transport]:
    """This process's transport, or worker processes."""
    if workers == 0:
        yield local
        return
    specs = [(one.examiner.name, one.spec) for one in validators if one.spec is not None]
    pool = WorkerPool(client.transport_spec(), workers, validators=specs, model=model)
    await pool.open()
    try:
        yield pool
    finally:
        await asyncio.shield(pool.close())
