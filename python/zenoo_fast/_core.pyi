"""The Rust extension: sources, checking, conversion, serialisation and splitting of records."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Literal, TypeAlias, final

__all__ = [
    "ArrowSource",
    "Block",
    "Chunk",
    "CsvSource",
    "IdMap",
    "Ids",
    "Layout",
    "Levels",
    "Memory",
    "NdjsonSource",
    "RowSet",
    "Schema",
    "__version__",
    "are_ids",
    "arrow_buffers",
    "dicts",
    "file_digest",
    "parse_ids",
    "revise",
    "usual_answer",
]

__version__: Final[str]

# A record that cannot go in: (row, field or None, code, message, the record: its cells' texts, the mapping, the line).
_RejectTuple: TypeAlias = tuple[int, str | None, str, str, list[str] | Mapping[str, Any] | str | None]

@final
class Schema:
    """A model's fields, compiled for checking.

    Args:
        model: Technical model name, for messages (``"res.partner"``).
        fields: The answer of Odoo's ``fields_get`` with at least ``type``, ``required``, ``readonly``,
            ``selection``, ``size`` and ``relation`` per field.

    Raises:
        ValueError: A field's description is not what ``fields_get`` answers.
    """

    def __new__(cls, model: str, fields: Mapping[str, Mapping[str, Any]]) -> Schema: ...
    @property
    def model(self) -> str: ...
    def __contains__(self, field: str, /) -> bool: ...
    def __len__(self) -> int: ...
    def names(self) -> list[str]: ...

@final
class Layout:
    """How a record becomes one serialised row.

    Args:
        schema: Fields to check against; ``None`` checks structure only (a record is a non-empty mapping of str keys).
        shape: ``"vals"``: a JSON object for ``create`` / ``web_save_multi``, empty cells left out.
            ``"load"``: a JSON array of strings for ``load``, empty cells carry ``defaults``.
            ``"ids"``: a bare database id, for ``unlink``.
        columns: Target of each input column, in input order: ``"name"``, ``"parent_id/.id"``, ``"parent_id/id"``,
            ``"id"`` (external id of the row), ``".id"`` (database id of the row), or ``None`` to skip the column.
            Needed by file sources; for mappings, ``None`` takes each record's own keys.
        renames: For mappings only: record key -> target, where they differ.
        defaults: What an empty or absent cell carries in the ``load`` shape, by field (``default_get``'s answer).
            In the ``vals`` shape a required field named here may be empty.
        required: Check required fields (a create); an update leaves absent fields as they are.
        external_id: Makes the ``id`` column of the ``load`` shape: ``("row", prefix)`` gives ``prefix + row number``,
            ``("key", prefix, columns)`` gives ``prefix + digest of these columns' values``.
        identity: What a mapping has to name its record by: an ``"external"`` id, a ``"database"`` id, or nothing
            (``"new"``); a record that does otherwise is rejected. ``None`` takes whatever it has.
        matched: For mappings only, in the ``load`` shape: relations whose values are keys of related records.

    Raises:
        ValueError: A target that the schema does not know or that cannot be written, contradictory arguments.
    """

    def __new__(
        cls,
        schema: Schema | None = None,
        *,
        shape: Literal["vals", "load", "ids"] = "vals",
        columns: Sequence[str | None] | None = None,
        renames: Mapping[str, str] | None = None,
        defaults: Mapping[str, Any] | None = None,
        required: bool = True,
        external_id: tuple[str, str] | tuple[str, str, Sequence[str]] | None = None,
        identity: Literal["new", "external", "database"] | None = None,
        matched: AbstractSet[str] | None = None,
    ) -> Layout: ...
    @property
    def columns(self) -> list[str | None] | None:
        """Target of each input column, as given."""
    def extract(
        self, records: Sequence[Any], start: int = 0, *, first_row: int = 0, max_rows: int = 500, max_bytes: int = ...
    ) -> Block:
        """Check and serialise ``records[start:]`` in one pass until ``max_rows`` or ``max_bytes``; never changes them.

        ``first_row`` is the row number of ``records[0]``. In the ``load`` shape without ``columns`` a block also ends
        where the records' keys change.
        """

@final
class Chunk:
    """Consecutive records of one job, validated and serialised. Immutable; slices share one buffer."""

    def __len__(self) -> int: ...
    @property
    def nbytes(self) -> int:
        """Length of `json()`."""
    def json(self) -> bytes:
        """The rows' JSON joined by commas, without the enclosing brackets."""
    def view(self) -> memoryview:
        """The same as it lies in memory, not copied."""
    @property
    def fields(self) -> list[str] | None:
        """The ``fields`` argument of ``load`` for these rows; ``None`` in the other shapes."""
    def rows(self) -> list[int]:
        """Row number in the input of each record, ascending."""
    def row(self, index: int, /) -> int: ...
    def ids(self) -> list[int] | None:
        """Database id of each record where the layout has one (``.id``), else ``None``."""
    def external_ids(self) -> list[str] | None:
        """External id of each record where the layout has one (``id``), else ``None``."""
    def slice(self, start: int, stop: int, /) -> Chunk: ...
    def fitting(self, start: int, max_rows: int, max_bytes: int, /) -> int:
        """How many records from ``start`` on fit both bounds: one at least, where there is one."""
    def select(self, indexes: Sequence[int], /) -> Chunk:
        """The named records, in the given order, as a chunk of its own."""
    def lanes(self, field: str, count: int, /) -> list[tuple[int | None, Chunk]]:
        """These records by lane: those with the same value of `field` are in the same one of `count`.

        The first of a pair is ``None`` for the records that have no value there.
        """
    @staticmethod
    def joined(chunks: Sequence[Chunk], /) -> Chunk:
        """The records of all of these, one after the other.

        Raises:
            ValueError: No chunk, or chunks of different columns.
        """
    def without(self, rows: RowSet, /) -> Chunk:
        """These records but for those whose row is in the set (the same chunk where none is)."""
    def arrow_buffers(
        self, kinds: Mapping[str, Literal["text", "integer", "float", "boolean"]], /
    ) -> list[tuple[str, str, int, Memory | None, Memory | None, Memory]]:
        """These records as columns; see the function `arrow_buffers`."""
    def dicts(self) -> list[dict[str, Any]]:
        """These records as dicts; see the function `dicts`."""
    def replaced(self, indexes: Sequence[int], rows: Sequence[bytes], /) -> Chunk:
        """These records with some of them serialised anew: `rows` holds the JSON of those named by `indexes`.

        Raises:
            ValueError: The indexes do not ascend within the chunk, or there is not a row for each.
        """
    def record(self, index: int, /) -> list[str] | Mapping[str, Any] | None:
        """The input record as it was read: its cells as texts where it has columns, or the mapping handed in."""
    def values(self) -> list[Any]:
        """The rows decoded to Python values, for transports that do not speak JSON."""

@final
class Block:
    """What one read gave: a chunk (possibly empty) and the records that cannot go in."""

    @property
    def chunk(self) -> Chunk: ...
    @property
    def rejects(self) -> list[_RejectTuple]: ...
    @property
    def first_row(self) -> int: ...
    @property
    def read(self) -> int:
        """Records read, good and bad: the next block begins at ``first_row + read``."""

@final
class Levels:
    """Sorts the rows of an input that refer to rows of the same input: those that are referred to come first.

    Keeps 16 bytes for each external id and each reference.

    Args:
        columns: Columns of the ``load`` shape with external ids of the same model's records, several with commas
            between.
    """

    def __new__(cls, columns: Sequence[str], /) -> Levels: ...
    def add(self, block: Block, /) -> None:
        """The next block of the input; its rows have external ids."""
    def finish(self) -> list[RowSet]:
        """One set a level: a row's is one above the highest of the rows that it refers to.

        Rows that refer to each other in a circle are in the last one. Call it once.
        """

@final
class CsvSource:
    """A CSV file read, checked and serialised with the interpreter detached.

    Args:
        path: File to read; ``"-"`` is standard input. Compressed files are told by their first bytes.
        delimiter: One character; ``None`` detects ``, ; tab |`` from the header line.
        quotechar: One character.
        encoding: A WHATWG label (``"utf-8"``, ``"windows-1252"``); a byte order mark wins.
        max_record_bytes: A longer record ends the read with an error (an unclosed quote would swallow the file).

    Raises:
        OSError: The file cannot be opened or read.
        ValueError: An empty file, a broken encoding (row and byte offset are named), an unknown encoding label.
    """

    def __new__(
        cls,
        path: str,
        *,
        delimiter: str | None = None,
        quotechar: str = '"',
        encoding: str = "utf-8",
        max_record_bytes: int = ...,
    ) -> CsvSource: ...
    @property
    def header(self) -> list[str]: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def size(self) -> int | None:
        """Bytes of the input, ``None`` where it cannot be known."""
    @property
    def position(self) -> int:
        """Bytes of the input consumed so far, for progress."""
    def count(self) -> int:
        """Read on to the end and count the records.

        Raises:
            OSError: The input cannot be read.
            ValueError: A broken encoding or a record that is too long (row and byte offset are named).
        """
    def read(self, layout: Layout, *, max_rows: int, max_bytes: int, skip: RowSet | None = None) -> Block | None:
        """The next block, ``None`` at the end. Rows in ``skip`` are counted as read and left out."""

@final
class NdjsonSource:
    """A file with one JSON object a line, read, checked and serialised with the interpreter detached.

    The same records handed to `Layout.extract` as mappings become the same rows and the same rejects. A line that is no
    JSON, or an object with a key twice, is a reject; its record is the line's text. Blank lines are passed over.

    Args:
        path: File to read; ``"-"`` is standard input. Compressed files are told by their first bytes.
        encoding: A WHATWG label; a byte order mark wins.
        max_record_bytes: A longer line ends the read with an error.

    Raises:
        OSError: The file cannot be opened or read.
        ValueError: An unknown encoding label, or bytes that are not in the encoding.
    """

    def __new__(cls, path: str, *, encoding: str = "utf-8", max_record_bytes: int = ...) -> NdjsonSource: ...
    @property
    def size(self) -> int | None:
        """Bytes of the input, ``None`` where it cannot be known."""
    @property
    def position(self) -> int:
        """Bytes of the input consumed so far, for progress."""
    def first(self) -> Mapping[str, Any] | None:
        """The first record, which is still to be read; ``None`` where none is found near the begin.

        Raises:
            OSError: The input cannot be read.
            ValueError: A line that is too long.
        """
    def count(self) -> int:
        """Read on to the end and count the records.

        Raises:
            OSError: The input cannot be read.
            ValueError: A broken encoding or a line that is too long (row and byte offset are named).
        """
    def read(self, layout: Layout, *, max_rows: int, max_bytes: int, skip: RowSet | None = None) -> Block | None:
        """The next block, ``None`` at the end. Rows in ``skip`` are counted as read and left out.

        In the ``load`` shape a block also ends where the records' keys change.
        """

@final
class ArrowSource:
    """Record batches read, checked and serialised in Arrow's own memory, with the interpreter detached.

    A text column's cells are checked as CSV text is, the others' by their type; a null is an empty cell.

    Args:
        stream: Anything with ``__arrow_c_stream__``: it is asked for one stream, which is read once.

    Raises:
        TypeError: It hands on something else.
        ValueError: A stream that was read already, or whose items are no records.
    """

    def __new__(cls, stream: Any, /) -> ArrowSource: ...
    @property
    def columns(self) -> list[str]: ...
    @property
    def number_columns(self) -> list[str]:
        """Columns whose cells are numbers, or lists of whole ones: a relation's are database ids."""
    @property
    def position(self) -> int:
        """Rows read so far."""
    def check(self, layout: Layout, /) -> None:
        """The columns' types go to their fields.

        Raises:
            ValueError: One does not; it is named with its type.
        """
    def count(self) -> int:
        """Read on to the end and count the records.

        Raises:
            ValueError: The stream says that it cannot go on.
        """
    def read(self, layout: Layout, *, max_rows: int, max_bytes: int, skip: RowSet | None = None) -> Block | None:
        """The next block, ``None`` at the end. Rows in ``skip`` are counted as read and left out.

        Raises:
            ValueError: The stream says that it cannot go on; the rows before are out. Or as `check`.
        """

@final
class RowSet:
    """A compact, mutable set of row numbers (runs)."""

    def __new__(cls, ranges: Iterable[tuple[int, int]] | None = None) -> RowSet: ...
    def add(self, start: int, stop: int, /) -> None: ...
    def add_rows(self, rows: Iterable[int], /) -> None: ...
    def __contains__(self, row: int, /) -> bool: ...
    def __len__(self) -> int: ...
    def ranges(self) -> list[tuple[int, int]]: ...
    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(data: bytes, /) -> RowSet: ...

@final
class IdMap:
    """Row number -> database id, kept as runs: consecutive rows with consecutive ids cost nothing more."""

    def __new__(cls) -> IdMap: ...
    def put(self, rows: Chunk | Sequence[int], ids: Sequence[int] | Ids, /) -> None:
        """Set the ids of these rows. Raises ValueError where the lengths differ or an id is not a positive int."""
    def get(self, row: int, /) -> int | None: ...
    def __getitem__(self, row: int, /) -> int: ...
    def __contains__(self, row: int, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[int, int]]:
        """(row, id) in ascending order of rows."""
    def runs(self) -> list[tuple[int, int, int]]:
        """(first row, first id, length) in ascending order of rows."""
    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(data: bytes, /) -> IdMap: ...

def are_ids(values: list[Any], /) -> bool:
    """Every one is a whole number from 1 on, and no boolean."""

@final
class Ids:
    """Database ids of an answer, in its order; they become numbers of Python's where somebody looks at them."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> int: ...
    def __iter__(self) -> Iterator[int]: ...

def parse_ids(json: bytes, /) -> Ids | None:
    """The database ids that the JSON is an array of; ``None`` where it is anything else."""

def usual_answer(data: bytes, /) -> tuple[str, int, bytes] | None:
    """The usual HTTP answer, where `data` begins with its whole head.

    That is one of 200 with a length and no encoding, after which the connection stays open (RFC 9112, strictly).

    Returns:
        The media type (lower case, without parameters, or empty), the bytes of the body, and as much of the body as is
        there, or more; ``None`` of any other answer.
    """

def file_digest(path: str, /) -> tuple[int, str]:
    """(size in bytes, hex BLAKE3 digest) of a whole file, read with the interpreter detached."""

def arrow_buffers(
    json: bytes,
    count: int,
    fields: Sequence[str] | None,
    kinds: Mapping[str, Literal["text", "integer", "float", "boolean"]],
    /,
) -> list[tuple[str, str, int, Memory | None, Memory | None, Memory]]:
    """Serialised rows as columns, in Arrow's memory layout.

    Of each column: name, kind, number of nulls, and the memory of its validity (where it has nulls), of its offsets
    (where it is text) and of its values.

    Args:
        json: The rows' JSON joined by commas: objects, or arrays of the `load` shape.
        count: How many rows.
        fields: Names of an array's values; ``None`` for objects.
        kinds: Field -> what its values are; those of others are text. ``False`` and ``None`` are Arrow's null, but for
            ``False`` among booleans.

    Raises:
        ValueError: A value is not of its column's kind.
    """

@final
class Memory:
    """Bytes to look at through the buffer protocol, read-only; lent out, not copied."""

    def __len__(self) -> int: ...
    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...

def dicts(json: bytes, count: int, fields: Sequence[str] | None, /) -> list[dict[str, Any]]:
    """Serialised rows as a dict each.

    Args:
        json: The rows' JSON joined by commas: objects, or arrays of the `load` shape.
        count: How many rows.
        fields: Names of an array's values; ``None`` for objects.

    Raises:
        ValueError: They are not that many rows.
    """

def revise(
    schema: Schema,
    chunk: Chunk,
    /,
    *,
    lookups: Mapping[str, Mapping[str, int]],
    clear: bool,
    ids: Sequence[int] | None = None,
    current: bytes | None = None,
) -> list[bytes | None]:
    """Of each row the values to write, as the JSON of an object, from a chunk of the ``load`` shape.

    Args:
        schema: The model's fields.
        chunk: The rows.
        lookups: Column -> key -> database id, for columns that name related records by a key (``parent_id/id``).
        clear: An empty cell becomes Odoo's empty value; else it is left out.
        ids: Database id of each row's record; needed with `current`.
        current: A JSON array of these records as a ``read`` gives them: then only what differs is kept, and a row is
            ``None`` where nothing does.

    Raises:
        ValueError: A key was not looked up, or `current` makes no sense.
    """
