"""Arrow record batches, read and serialised in Rust: tables, streams, Parquet and Arrow files."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from zenoo_fast._core import ArrowSource, Block, Layout, RowSet
from zenoo_fast.exceptions import ConfigurationError, SourceError

_IN_MEMORY = frozenset({"pyarrow", "polars", "pandas"})
"""Libraries whose sized objects give the same records each time they are asked; a query, say, may not."""
_BATCH_ROWS = 8192


class ArrowStream:
    """Anything with ``__arrow_c_stream__``: tables of pyarrow, polars and pandas, readers, query results.

    The records stay in Arrow's memory, which Rust reads; no Python object is made of them.

    Args:
        stream: It is asked for one stream; a table in memory for another one with each `again`.
        name: For messages; the type's without.

    Attributes:
        total: Number of records, where it is known.
        database_ids: Columns of numbers, and of lists of whole ones: a relation's are database ids.

    Raises:
        ConfigurationError: It gives no records.
    """

    threaded = True
    delimiter: str | None = None
    size: int | None = None

    def __init__(self, stream: Any, name: str = "") -> None:
        self.name = name or type(stream).__name__
        self._stream = stream
        kind = type(stream)
        in_memory = kind.__module__.partition(".")[0] in _IN_MEMORY and hasattr(kind, "__len__")
        self.total: int | None = len(stream) if in_memory else None
        self._layout: Layout | None = None
        self._source = self._open()
        self.columns: list[str] = self._source.columns
        self.database_ids = frozenset(self._source.number_columns)

    def _open(self) -> ArrowSource:
        with self.faults():
            try:
                return ArrowSource(self._reader())
            except (OSError, ValueError, ConfigurationError):
                raise
            except Exception as error:  # what hands the stream on runs any code: a query, a plan
                raise ConfigurationError(f"{self.name}: {one_line(error)}") from error

    def _reader(self) -> Any:
        """What hands on the stream."""
        return self._stream

    @contextmanager
    def faults(self) -> Iterator[None]:
        """What is wrong with the input is said with its name."""
        try:
            yield
        except OSError as error:
            raise ConfigurationError(f"{self.name}: {error.strerror or one_line(error)}") from error
        except ValueError as error:
            raise ConfigurationError(f"{self.name}: {one_line(error)}") from error

    @property
    def layout(self) -> Layout | None:
        """How a record becomes a row.

        Raises:
            ConfigurationError: When it is set: a column is of a type that its field does not take.
        """
        return self._layout

    @layout.setter
    def layout(self, layout: Layout | None) -> None:
        if layout is not None:
            with self.faults():
                self._source.check(layout)
        self._layout = layout

    @property
    def reject_columns(self) -> list[str]:
        """What the columns are called in a CSV file of rejects: there, ``country_id`` would hold names."""
        targets = self._layout.columns if self._layout is not None else None
        if targets is None:
            return self.columns
        ids = self.database_ids
        return [
            target if target and target.endswith("/.id") and column in ids else column
            for column, target in zip(self.columns, targets, strict=True)
        ]

    @property
    def repeatable(self) -> bool:
        """It can be read more than once: a table in memory can."""
        return self.total is not None

    def again(self) -> ArrowStream:
        """The same records and layout, at the begin."""
        other = ArrowStream(self._stream, self.name)
        other.layout = self._layout
        return other

    def check(self) -> None:
        """A stream can be read once only."""

    async def first(self) -> None:
        """Cells have columns."""

    @property
    def position(self) -> int:
        """Bytes read so far, about: of a file the part that its rows so far are."""
        if self.size is None or not self.total:
            return 0
        return self.size * min(self._source.position, self.total) // self.total

    def read(self, max_rows: int, max_bytes: int, skip: RowSet | None) -> Block | None:
        """The next block; see `BlockSource.read`."""
        if self._layout is None:
            raise SourceError("the columns have not been resolved yet")
        return self._source.read(self._layout, max_rows=max_rows, max_bytes=max_bytes, skip=skip)

    def close(self) -> None:
        """Let go of what is held open."""


class ArrowFile(ArrowStream):
    """A Parquet file, or one of Arrow's own format (``.arrow``, ``.feather``), read by pyarrow in batches.

    Args:
        path: The file.
        parquet: It is a Parquet file; told from its suffix without.

    Raises:
        ConfigurationError: No such file, one of another format, pyarrow is not installed.
    """

    repeatable = True

    def __init__(self, path: str | Path, *, parquet: bool | None = None) -> None:
        self._path = Path(path)
        self._parquet = self._path.suffix.lower() in PARQUET_SUFFIXES if parquet is None else parquet
        self._rows: int | None = None
        super().__init__(None, str(path))
        self.total = self._rows
        with self.faults():
            self.size = self._path.stat().st_size

    def _reader(self) -> Any:
        pyarrow = _pyarrow(self.name)
        if self._parquet:
            from pyarrow.parquet import ParquetFile

            # Without a look ahead, whose memory would be that of a row group: a million rows are usual.
            file = ParquetFile(self._path, pre_buffer=False, buffer_size=1 << 16)
            self._rows = file.metadata.num_rows
            batches = file.iter_batches(_BATCH_ROWS, use_threads=False)
            return pyarrow.RecordBatchReader.from_batches(file.schema_arrow, batches)
        source = pyarrow.OSFile(str(self._path))
        try:
            file = pyarrow.ipc.open_file(source)
        except pyarrow.ArrowInvalid:
            source.seek(0)
            return pyarrow.ipc.open_stream(source)
        batches = (file.get_batch(number) for number in range(file.num_record_batches))
        return pyarrow.RecordBatchReader.from_batches(file.schema, batches)

    def again(self) -> ArrowFile:
        """The same file and layout, at the begin."""
        other = ArrowFile(self._path, parquet=self._parquet)
        other.layout, other.total = self._layout, self.total
        return other

    def check(self) -> None:
        """Read the file through once: every batch can be read, and `total` is known.

        Raises:
            ConfigurationError: One cannot; the row it begins with is named.
        """
        again = self._open()
        with self.faults():
            self.total = again.count()


PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})
ARROW_SUFFIXES = PARQUET_SUFFIXES | {".arrow", ".arrows", ".feather", ".ipc"}
"""Files that `ArrowFile` reads."""


def _pyarrow(name: str) -> ModuleType:
    try:
        importlib.import_module("pyarrow.ipc")
        return importlib.import_module("pyarrow")
    except ImportError as error:
        raise ConfigurationError(f"{name} is read by pyarrow: pip install zenoo-fast[arrow]") from error


def one_line(error: BaseException) -> str:
    """What an exception says, without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
