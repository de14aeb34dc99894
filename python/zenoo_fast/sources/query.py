"""Rows of a database query, streamed as Arrow record batches by an ADBC driver."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from zenoo_fast._core import Block, RowSet
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.sources.arrow import ArrowStream, one_line

_DRIVERS = {"postgresql": "postgresql", "postgres": "postgresql", "sqlite": "sqlite"}
_URI = re.compile(r"(?P<scheme>[a-z][a-z0-9+]*)://", re.IGNORECASE)
_SECRET_WORDS = ("pass", "pwd", "secret", "token", "key")
_HIDDEN = "***"


@dataclass(frozen=True)
class Query:
    """A query, not run yet. Its ``str`` and ``repr`` show no password.

    Attributes:
        uri: The database: ``postgresql://…``, ``sqlite:///relative.db``, ``sqlite:////absolute.db``.
        text: SQL that gives the rows.
        parameters: Values for its placeholders.
    """

    uri: str = field(repr=False)
    text: str
    parameters: Sequence[Any] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return without_secrets(self.uri)


def sql(uri: str, query: str, parameters: Sequence[Any] | None = None) -> Query:
    """Rows of a database query as a source of `import_records`; the query runs when the import begins.

    The rows are streamed: neither side holds them all (the PostgreSQL driver does where there are parameters). An ADBC
    driver reads them: ``pip install zenoo-fast[sql]`` brings those for PostgreSQL and SQLite. A SQLite database is
    opened for reading only.

    Args:
        uri: The database: ``postgresql://user@host/name``, ``sqlite:///relative.db``, ``sqlite:////absolute.db``, or
            ``NAME://…`` where the package ``adbc-driver-NAME`` is installed.
        query: SQL. Its columns name fields as a file's header does; ``AS`` renames them.
        parameters: Values for its placeholders (``?``; ``$1`` in PostgreSQL).

    Returns:
        What `import_records` takes; it shows no password.
    """
    return Query(uri, query, parameters)


def is_database(text: str) -> bool:
    """The text is the URI of a database, not a path."""
    found = _URI.match(text)
    return found is not None and found["scheme"].lower() in _DRIVERS


class QueryRows(ArrowStream):
    """The rows of a query.

    Args:
        query: The query; it runs at once.

    Raises:
        ConfigurationError: No such driver or database, or the query is wrong.
    """

    repeatable = False

    def __init__(self, query: Query) -> None:
        self._query = query
        self._connection: Any = None
        self._cursor: Any = None
        self._reading = threading.Lock()
        failure = ""
        try:
            super().__init__(None, str(query))
        except ConfigurationError as error:
            failure = _scrubbed(error.message, query.uri)
        if failure:
            # Outside of the handler: the driver's error, which may quote the URI, does not come along.
            self.close()
            raise ConfigurationError(failure)

    def _reader(self) -> Any:
        connect, where = _driver(self._query.uri)
        self._connection = connect(where)
        self._cursor = self._connection.cursor()
        self._cursor.execute(self._query.text, self._query.parameters)
        return self._cursor.fetch_arrow()

    def read(self, max_rows: int, max_bytes: int, skip: RowSet | None) -> Block | None:
        """The next block; see `BlockSource.read`."""
        with self._reading:
            if self._connection is None:
                return None
            try:
                return super().read(max_rows, max_bytes, skip)
            except ValueError as error:
                failure = _scrubbed(one_line(error), self._query.uri)
        raise ValueError(failure)

    def close(self) -> None:
        """End the query and the connection. Idempotent."""
        if self._connection is None:
            return
        if not self._reading.acquire(blocking=False):
            # A thread waits for rows that nobody wants any more.
            with contextlib.suppress(Exception):  # not every driver can
                self._cursor.adbc_cancel()
            self._reading.acquire()
        try:
            self.__dict__.pop("_source", None)  # the stream ends before what it comes from
            if self._cursor is not None:
                self._cursor.close()
            self._connection.close()
            self._connection = self._cursor = None
        finally:
            self._reading.release()

    def __del__(self) -> None:
        self.close()


def _driver(uri: str) -> tuple[Any, str]:
    """What connects, and what it is told.

    Raises:
        ConfigurationError: The URI names no driver, or the driver is not installed.
        FileNotFoundError: A SQLite database that is not there.
    """
    found = _URI.match(uri)
    if found is None:
        raise ConfigurationError("a database is given by its URI, such as postgresql://user@host/name")
    scheme = found["scheme"].lower()
    name = _DRIVERS.get(scheme, scheme)
    package = f"adbc_driver_{name}"
    try:
        connect = importlib.import_module(f"{package}.dbapi").connect
    except ImportError as error:
        what = "zenoo-fast[sql]" if scheme in _DRIVERS else package.replace("_", "-")
        raise ConfigurationError(f"{scheme} databases are read by an ADBC driver: pip install {what}") from error
    if name != "sqlite":
        return connect, uri
    path = Path(unquote(uri[found.end() :]).removeprefix("/"))
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return connect, f"{path.absolute().as_uri()}?mode=ro"


def without_secrets(uri: str) -> str:
    """A URI as it may be shown: the password, and parameters that hold secrets, are hidden."""
    for secret in _secrets(uri):
        uri = uri.replace(secret, _HIDDEN)
    return uri


def _secrets(uri: str) -> list[str]:
    """Secrets of a URI, as they are written in it."""
    found = _URI.match(uri)
    if found is None:
        return []
    # Up to the last @, wherever it is: who forgets to escape a password's must not see half of it.
    user, at, _ = uri[found.end() :].rpartition("@")
    secrets = [user.partition(":")[2]] if at else []
    for part in uri.partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        if any(word in name.lower() for word in _SECRET_WORDS):
            secrets.append(value)
    return sorted(filter(None, secrets), key=len, reverse=True)


def _scrubbed(message: str, uri: str) -> str:
    """A message without the secrets of a URI, however they are spelled."""
    for secret in _secrets(uri):
        for spelling in (secret, unquote(secret)):
            message = message.replace(spelling, _HIDDEN)
    return message
