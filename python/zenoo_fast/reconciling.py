"""Settles the rows of a run whose end is not known, by asking the server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zenoo_fast._core import IdMap, RowSet, file_digest
from zenoo_fast.engine.caller import Caller
from zenoo_fast.engine.feed import BlockSource
from zenoo_fast.engine.job import MODES, Job, Mode
from zenoo_fast.engine.journal import Journal
from zenoo_fast.engine.journal_file import JournalState
from zenoo_fast.engine.outcome import RowState
from zenoo_fast.engine.prepare import fields_of, prepare
from zenoo_fast.engine.reconcile import SERVER_LIMIT_SECONDS, Findings, by_external_id, by_values, wait_left
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.sources.base import Source
from zenoo_fast.sources.open import open_source

if TYPE_CHECKING:
    from zenoo_fast.client import ZenooClient


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What became of the rows in doubt; the three add up to `doubted`.

    Attributes:
        doubted: Rows whose end was not known.
        found: Rows that are in.
        absent: Rows that are not in; resuming the run sends them.
        unknown: Rows that nothing could be found out about.
        compared: Fields that rows were recognised by; empty where it was the external id.
    """

    doubted: int
    found: int
    absent: int
    unknown: RowSet
    compared: tuple[str, ...]


async def reconcile_journal(
    client: ZenooClient, journal: str | Path, *, server_limit: float = SERVER_LIMIT_SECONDS
) -> Reconciliation:
    """Settle what a run left unknown, and note it in its journal.

    Args:
        client: Logged in to the run's server, as the user who ran it.
        journal: The run's journal.
        server_limit: Seconds after which the server is no longer running a call.

    Raises:
        ConfigurationError: Not a journal, of another server, its input is gone or changed, or the server may still be
            running the calls in doubt.
        ZenooError: The server cannot be asked.
    """
    account, state = Journal.resume(journal)
    try:
        if not state.in_doubt:
            return Reconciliation(0, 0, 0, RowSet(), ())
        await _check(client, state, Path(journal), server_limit)
        findings = await _look(client, state)
        _note(account, state, findings)
        return Reconciliation(
            len(state.in_doubt), len(findings.found), len(findings.absent), findings.unknown, findings.compared
        )
    finally:
        account.abandon()


async def _check(client: ZenooClient, state: JournalState, journal: Path, server_limit: float) -> None:
    facts = state.facts
    connection = client.connection
    if (facts.url, facts.database) != (connection.url, connection.database):
        raise ConfigurationError(
            f"{journal}: the run went to database {facts.database} on {facts.url}, "
            f"not to {connection.database} on {connection.url}"
        )
    left = wait_left(state, server_limit)
    if left > 0:
        raise ConfigurationError(f"the server may still be running the calls in doubt: try again in {left:.0f} s")
    if facts.mode in {"update", "delete"}:
        raise ConfigurationError(f"{journal}: sending a {facts.mode} again does no harm: import --resume settles it")
    if not facts.digest:
        raise ConfigurationError(f"{journal}: the run did not read a file: only a file can be read again")
    try:
        size, digest = await asyncio.to_thread(file_digest, facts.source)
    except OSError as error:
        raise ConfigurationError(f"{facts.source}: {error.strerror or error}") from error
    if (size, digest) != (facts.size, facts.digest):
        raise ConfigurationError(f"{facts.source} has changed since the run: restore it")


async def _look(client: ZenooClient, state: JournalState) -> Findings:
    facts = state.facts
    job = Job(
        facts.model,
        _mode(facts.mode),
        facts.source,
        mapping=facts.mapping,
        idempotent=facts.idempotent,
        key=facts.key,
        match=facts.match,
    )
    source = _open(state)
    plan = (await prepare(job, source, client.transport, facts.run_id)).plan
    caller = Caller(client.transport)
    if plan.idempotent:
        return await by_external_id(caller, source, state)

    def again() -> BlockSource:
        opened = _open(state)
        opened.layout = source.layout
        return opened

    fields = await fields_of(client.transport, facts.model)
    return await by_values(caller, again, state, fields, client.uid or 0)


def _mode(name: str) -> Mode:
    for mode in MODES:
        if mode == name:
            return mode
    raise ConfigurationError(f"the journal's mode is {name!r}, which this zenoo-fast does not know")


def _open(state: JournalState) -> Source:
    facts = state.facts
    return open_source(facts.source, format=facts.format, delimiter=facts.delimiter, encoding=facts.encoding)


def _note(journal: Journal, state: JournalState, findings: Findings) -> None:
    """An upsert's record that was there before may not have been written: that row stays in doubt and is sent again."""
    found: dict[RowState, IdMap] = {}
    for row, record_id in list(findings.found.items()):
        before = row in state.known_before
        if before and state.facts.mode != "create":
            del findings.found[row]
            findings.unknown.add(row, row + 1)
            continue
        found.setdefault(RowState.UNCHANGED if before else RowState.CREATED, IdMap()).put([row], [record_id])
    journal.reconciled(found, findings.absent)
