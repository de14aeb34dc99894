"""Files, read and serialised in Rust."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from zenoo_fast._core import Block, CsvSource, Layout, NdjsonSource, RowSet
from zenoo_fast.exceptions import ConfigurationError, SourceError

MAX_RECORD_BYTES = 64 << 20
"""Of one record: an unclosed quote would swallow the file."""


class _File(ABC):
    """A file that Rust reads; `layout` is set before the first read.

    Args:
        path: File, or ``-`` for standard input. Compressed files (gzip, zstd) are told by their first bytes.
        delimiter: Between the cells of a CSV file.
        encoding: WHATWG label.
        max_record_bytes: A longer record ends the read.

    Attributes:
        layout: How a record becomes a row.
        total: Number of records, once `check` has counted them.

    Raises:
        ConfigurationError: No such file, an unknown encoding.
    """

    threaded = True
    database_ids: frozenset[str] = frozenset()

    def __init__(
        self,
        path: str | Path,
        *,
        delimiter: str | None = None,
        encoding: str = "utf-8",
        max_record_bytes: int | None = None,
    ) -> None:
        self.name = str(path)
        self.layout: Layout | None = None
        self.total: int | None = None
        self._limit = max_record_bytes or MAX_RECORD_BYTES
        self._encoding = encoding
        with self._faults():
            self._source = self._open(delimiter)

    @abstractmethod
    def _open(self, delimiter: str | None) -> CsvSource | NdjsonSource:
        """The file at its begin."""

    @property
    @abstractmethod
    def delimiter(self) -> str | None:
        """Between the cells of a CSV file; ``None`` for others."""

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """What is wrong with the file is said with its name."""
        try:
            yield
        except OSError as error:
            raise ConfigurationError(f"{self.name}: {error.strerror or error}") from error
        except ValueError as error:
            raise ConfigurationError(f"{self.name}: {error}") from error

    @property
    def repeatable(self) -> bool:
        """It can be read more than once."""
        return self.name != "-" and Path(self.name).is_file()

    def again(self) -> Self:
        """The same file and layout, at the begin."""
        other = type(self)(self.name, delimiter=self.delimiter, encoding=self._encoding, max_record_bytes=self._limit)
        other.layout, other.total = self.layout, self.total
        return other

    def check(self) -> None:
        """Read a file through once: every record can be read, and `total` is known. Some 10 million records a second.

        Standard input and pipes, which can be read only once, are left as they are.

        Raises:
            ConfigurationError: A broken encoding or a record that is too long, with row and byte offset.
        """
        if not self.repeatable:
            return
        with self._faults():
            self.total = self._open(self.delimiter).count()

    @property
    def size(self) -> int | None:
        """Bytes."""
        return self._source.size

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._source.position

    def read(self, max_rows: int, max_bytes: int, skip: RowSet | None) -> Block | None:
        """The next block; see `BlockSource.read`."""
        if self.layout is None:
            raise SourceError("the layout has not been made yet")
        return self._source.read(self.layout, max_rows=max_rows, max_bytes=max_bytes, skip=skip)


class CsvFile(_File):
    """A CSV file; its delimiter is told from the header where none is given, and it has to have a header."""

    _source: CsvSource

    def _open(self, delimiter: str | None) -> CsvSource:
        return CsvSource(self.name, delimiter=delimiter, encoding=self._encoding, max_record_bytes=self._limit)

    @property
    def columns(self) -> list[str]:
        """Column names."""
        return self._source.header

    @property
    def delimiter(self) -> str:
        """Between cells."""
        return self._source.delimiter

    async def first(self) -> None:
        """Cells have columns."""


class NdjsonFile(_File):
    """One JSON object a line: records that name their own fields."""

    _source: NdjsonSource
    columns = None
    delimiter = None

    def _open(self, delimiter: str | None) -> NdjsonSource:
        del delimiter
        return NdjsonSource(self.name, encoding=self._encoding, max_record_bytes=self._limit)

    async def first(self) -> Mapping[str, Any] | None:
        """The first record, without consuming it; ``None`` where there is none.

        Raises:
            ConfigurationError: The file cannot be read.
        """
        with self._faults():
            return await asyncio.to_thread(self._source.first)
