"""From whatever a caller hands in to something that gives blocks."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

from zenoo_fast.exceptions import ConfigurationError, SourceError
from zenoo_fast.plugins import manager as plugins
from zenoo_fast.plugins.registry import Entry, reason
from zenoo_fast.sources.arrow import ARROW_SUFFIXES, PARQUET_SUFFIXES, ArrowFile, ArrowStream
from zenoo_fast.sources.base import Source
from zenoo_fast.sources.files import CsvFile, NdjsonFile
from zenoo_fast.sources.query import Query, QueryRows, is_database, without_secrets
from zenoo_fast.sources.records import Records

Format = Literal["csv", "ndjson", "parquet", "arrow"]
FORMATS: tuple[str, ...] = get_args(Format)
"""What a file can be."""
_SUFFIXES: dict[str, str] = {
    **dict.fromkeys(("", ".csv", ".tsv", ".txt"), "csv"),
    **dict.fromkeys((".ndjson", ".jsonl"), "ndjson"),
    **dict.fromkeys(ARROW_SUFFIXES, "arrow"),
    **dict.fromkeys(PARQUET_SUFFIXES, "parquet"),
}
_COMPRESSED = frozenset({".gz", ".zst"})
_STDIN = "-"


def format_of(source: str | Path, format: str | None = None) -> str | None:  # noqa: A002 - the option's name
    """What a file is; ``None`` where it is none of `FORMATS`, such as what a plugin opens.

    Args:
        source: Its path; ``-`` is standard input.
        format: What the caller says that it is.
    """
    if format is not None:
        return format
    if _plugin_of(source):
        return None
    return "csv" if str(source) == _STDIN else _SUFFIXES.get(_suffix(source))


def _suffix(source: str | Path) -> str:
    path = Path(source)
    return (Path(path.stem) if path.suffix.lower() in _COMPRESSED else path).suffix.lower()


def _plugin_of(source: str | Path) -> str | None:
    """The plugin's source that opens ``name:…``."""
    name, colon, _ = str(source).partition(":")
    return name if colon and not Path(source).exists() and name in plugins.names("source") else None


def open_source(
    source: Any,
    *,
    format: str | None = None,  # noqa: A002 - the option's name
    delimiter: str | None = None,
    encoding: str = "utf-8",
    max_record_bytes: int | None = None,
) -> Source:
    """Open a source.

    Args:
        source: A path (``-``: standard input), what a plugin's source opens (a path with its suffix, ``name:…``), a
            database query (`zenoo_fast.sql`), anything with ``__arrow_c_stream__``, a list or (asynchronous) iterable
            of mappings.
        format: What a file is, one of `FORMATS`; told from its suffix without, and standard input is CSV.
        delimiter: Of a CSV file; told from the header without.
        encoding: Of a CSV or NDJSON file.
        max_record_bytes: Of a CSV or NDJSON file: a longer record ends the read.

    Raises:
        ConfigurationError: No such file, or nothing that can be read.
    """
    if format is not None and format not in FORMATS:
        raise ConfigurationError(f"format is one of {', '.join(FORMATS)}, not {format!r}")
    if not isinstance(source, str | Path):
        if format is not None:
            raise ConfigurationError(f"format says what a file is; a {type(source).__name__} is none")
        if isinstance(source, Query):
            return QueryRows(source)
        return ArrowStream(source) if hasattr(source, "__arrow_c_stream__") else Records(source)
    if is_database(str(source)):
        what = "a database: say which rows, with --query SQL or zenoo_fast.sql(uri, query)"
        raise ConfigurationError(f"{without_secrets(str(source))} is {what}")
    return _open_path(source, format_of(source, format), delimiter, encoding, max_record_bytes)


def _open_path(
    source: str | Path,
    found: str | None,
    delimiter: str | None,
    encoding: str,
    max_record_bytes: int | None,
) -> Source:
    if delimiter is not None and found != "csv":
        raise ConfigurationError(f"{source}: a delimiter is for CSV files")
    if found == "csv":
        return CsvFile(source, delimiter=delimiter, encoding=encoding, max_record_bytes=max_record_bytes)
    if found == "ndjson":
        return NdjsonFile(source, encoding=encoding, max_record_bytes=max_record_bytes)
    if found is not None:
        if str(source) == _STDIN:
            raise ConfigurationError(f"standard input is csv or ndjson: {found} is read from a file")
        return ArrowFile(source, parquet=found == "parquet")
    plugin, suffix = _plugin_of(source), _suffix(source)
    if plugin is None and not Path(source).exists():
        raise ConfigurationError(f"{source}: No such file or directory")
    if plugin is not None or suffix in plugins.names("source"):
        return _from_plugin(plugin or suffix, str(source))
    known = ", ".join(filter(None, _SUFFIXES))
    raise ConfigurationError(f"{source}: files of type {suffix} are not read; those of these are: {known}")


def name_of(source: Any) -> str:
    """A source as reports and journals name it: a path, a database without its secrets, or a type's name."""
    return str(source) if isinstance(source, str | Path | Query) else type(source).__name__


def _from_plugin(name: str, source: str) -> Records:
    entry = plugins.get("source", name)
    records = entry.make(source)
    if isinstance(records, AsyncIterable):
        return Records(_guarded_async(entry, records))
    if isinstance(records, str | bytes | dict) or not isinstance(records, Iterable):
        raise ConfigurationError(f"{entry} gave a {type(records).__name__}, not an iterable of mappings")
    return Records(_guarded(entry, records), str(entry))


def _guarded(entry: Entry, records: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from records
    except Exception as error:
        raise SourceError(f"{entry} failed: {reason(error)}") from error


async def _guarded_async(entry: Entry, records: AsyncIterable[Any]) -> AsyncIterator[Any]:
    try:
        async for record in records:
            yield record
    except Exception as error:
        raise SourceError(f"{entry} failed: {reason(error)}") from error
