"""The journal's file: what it holds, and how it is opened and read."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zenoo_fast._core import IdMap, RowSet
from zenoo_fast.engine.outcome import Reject, RowState
from zenoo_fast.exceptions import ConfigurationError

VERSION = 1
APPLICATION_ID = 0x7A656E6F
"""Tells our files from other SQLite files."""
SENT = "sent"
GIVEN_BACK = "given_back"
"""Kinds of events beside the final states: rows are about to leave; rows that were sent were not executed."""
_REJECTS_KEPT = 1000

SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, rows BLOB NOT NULL, known BLOB, ids BLOB,
    reason TEXT
);
CREATE TABLE rejects (row INTEGER PRIMARY KEY, field TEXT, code TEXT NOT NULL, message TEXT NOT NULL);
"""


class JournalInUseError(ConfigurationError):
    """Another run is writing the journal, or has not ended yet."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run is, as far as it must be the same when it is resumed. No secret.

    Attributes:
        run_id: The run's id.
        model: Model name.
        mode: What becomes of the rows.
        source: The input's absolute path, or what else the caller handed in.
        size: Bytes of the input, or the number of records of a list; ``None`` where it has no end known.
        digest: BLAKE3 of the whole file, in hex; empty for anything else.
        url: Server.
        database: Database name.
        idempotent: Every row has an external id.
        key: Columns that the external ids are made of.
        mapping: Column -> target.
        match: Relation -> field of the related model.
        format: What a file is, where it was said; ``None`` where its suffix tells.
        delimiter: Between the cells of a CSV file; ``None`` where it is told from the header.
        encoding: Of a file.
        baseline: Highest database id of the model when the run began; ``None`` where nobody asked.
    """

    run_id: str
    model: str
    mode: str
    source: str
    size: int | None = None
    digest: str = ""
    url: str = ""
    database: str = ""
    idempotent: bool = False
    key: tuple[str, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    match: Mapping[str, str] = field(default_factory=dict)
    format: str | None = None
    delimiter: str | None = None
    encoding: str = "utf-8"
    baseline: int | None = None

    def differences(self, now: RunFacts) -> list[str]:
        """What is not the same any more, the input itself apart; one phrase each."""
        names = ("model", "mode", "url", "database", "idempotent", "key", "mapping", "match", "format")
        return [
            f"{name} was {getattr(self, name)!r} and is {getattr(now, name)!r}"
            for name in names
            if getattr(self, name) != getattr(now, name)
        ]

    def same_source(self, now: RunFacts) -> bool:
        """The input is the one that the run began with (its path may have changed)."""
        return (self.size, self.digest) == (now.size, now.digest)


@dataclass(slots=True)
class JournalState:
    """What a journal says of its run.

    Attributes:
        facts: What the run is.
        done: Rows with a final state.
        in_doubt: Rows that were sent and never came to a certain end.
        known_before: Rows in doubt whose external id was there before they were sent.
        doubted_at: When the last of the rows in doubt was sent, seconds since the epoch.
        counts: Rows by final state.
        ids: Database id by row.
        rejects: The first rejects.
        rejects_path: The reject file of the run; ``None`` where it has none.
        rejects_bytes: Length of the reject file up to the last reject in the journal.
    """

    facts: RunFacts
    done: RowSet = field(default_factory=RowSet)
    in_doubt: RowSet = field(default_factory=RowSet)
    known_before: RowSet = field(default_factory=RowSet)
    doubted_at: float = 0.0
    counts: dict[RowState, int] = field(default_factory=dict)
    ids: IdMap = field(default_factory=IdMap)
    rejects: list[Reject] = field(default_factory=list)
    rejects_path: Path | None = None
    rejects_bytes: int = 0


def connect(path: Path) -> sqlite3.Connection:
    """Open and lock: a run's journal has one writer."""
    connection = sqlite3.connect(path, timeout=0.5, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def read(path: Path) -> tuple[sqlite3.Connection, JournalState]:
    """Open a journal, locked, and what it says.

    Raises:
        ConfigurationError: No such file, not a journal, damaged, of another version, or in use.
    """
    if not path.exists():
        raise ConfigurationError(f"{path}: there is no such journal")
    _check_header(path)
    connection = None
    try:
        connection = connect(path)
        damage = connection.execute("PRAGMA quick_check").fetchone()[0]
        if damage != "ok":
            raise sqlite3.DatabaseError(damage)
        return connection, _state(connection)
    except sqlite3.OperationalError as error:
        _close(connection)
        if "locked" in str(error):
            raise JournalInUseError(f"{path}: another run is writing this journal: wait for its end") from error
        raise ConfigurationError(f"{path}: the journal cannot be read: {error}") from error
    except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
        _close(connection)
        raise ConfigurationError(f"{path}: the journal is damaged: {error}") from error


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()


def _check_header(path: Path) -> None:
    """Look at a file before SQLite does: opening a foreign database must not change it."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}") from error
    # https://www.sqlite.org/fileformat.html#the_database_header
    if not header.startswith(b"SQLite format 3\0") or int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise ConfigurationError(f"{path}: not a journal of zenoo-fast; name another file")
    version = int.from_bytes(header[60:64], "big")
    if version != VERSION:
        advice = "resume with the one that wrote it"
        raise ConfigurationError(f"{path}: a journal of version {version}, this zenoo-fast reads {VERSION}: {advice}")


def _state(connection: sqlite3.Connection) -> JournalState:
    facts = dict(connection.execute("SELECT name, value FROM facts"))
    run = json.loads(facts["run"])
    run["key"] = tuple(run["key"])
    state = JournalState(RunFacts(**run))
    doubted, known = RowSet(), RowSet()
    by_state: dict[RowState, RowSet] = {}
    for at, kind, rows, before, ids in connection.execute(
        "SELECT at, kind, rows, known, ids FROM events ORDER BY number"
    ):
        if kind == SENT:
            state.doubted_at = at
            _add(doubted, rows)
            if before is not None:
                _add(known, before)
        elif kind == GIVEN_BACK:
            doubted = minus(doubted, RowSet.from_bytes(rows))
        elif kind != RowState.UNKNOWN:
            _add(by_state.setdefault(RowState(kind), RowSet()), rows)
            _add(state.done, rows)
        if ids is not None:
            for first, first_id, length in IdMap.from_bytes(ids).runs():
                state.ids.put(range(first, first + length), range(first_id, first_id + length))
    state.in_doubt = minus(doubted, state.done)
    state.known_before = minus(known, state.done)
    state.counts = {one: len(rows) for one, rows in by_state.items()}
    kept = connection.execute("SELECT row, field, code, message FROM rejects ORDER BY row LIMIT ?", (_REJECTS_KEPT,))
    state.rejects = [Reject(*one) for one in kept]
    if "rejects" in facts:
        place, state.rejects_bytes = json.loads(facts["rejects"])
        state.rejects_path = Path(place)
    return state


def _add(rows: RowSet, data: bytes) -> None:
    for start, stop in RowSet.from_bytes(data).ranges():
        rows.add(start, stop)


def rows_of_ids(ids: IdMap) -> RowSet:
    """The rows that have an id."""
    return RowSet([(first, first + length) for first, _, length in ids.runs()])


def minus(rows: RowSet, others: RowSet) -> RowSet:
    """The rows of the first set that are not in the second."""
    found = RowSet()
    taken = others.ranges()
    at = 0
    for first, stop in rows.ranges():
        start = first
        while at < len(taken) and taken[at][1] <= start:
            at += 1
        for begin, end in itertools.islice(taken, at, None):
            if begin >= stop:
                break
            if begin > start:
                found.add(start, begin)
            start = max(start, end)
        if start < stop:
            found.add(start, stop)
    return found
