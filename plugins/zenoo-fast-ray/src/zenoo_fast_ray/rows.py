"""From Ray's blocks to what the engine reads, and to a name for what is in them."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from ray.data.block import BlockAccessor

from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.sources.open import open_source

_PIECE_ROWS = 4096
_DIGEST_ROWS = 65_536


def tables_of(blocks: Iterable[Any]) -> list[pa.Table]:
    """Blocks, Arrow or pandas, as Arrow tables; empty ones are left out."""
    tables = [BlockAccessor.for_block(block).to_arrow() for block in blocks]
    return [table for table in tables if table.num_rows]


def digest_of(tables: Sequence[pa.Table]) -> str:
    """A name for these rows: the same for equal rows, however they are laid out in memory."""
    digest = hashlib.blake2b(digest_size=10)
    for table in tables:
        digest.update(table.schema.remove_metadata().to_string().encode())
        bare = table.replace_schema_metadata()
        for start in range(0, table.num_rows, _DIGEST_ROWS):
            window = bare.slice(start, _DIGEST_ROWS)
            # Windows of rows, not the batches as they come, which may be cut otherwise the next time; joined with
            # nothing, so that even a single batch is copied: a slice carries what lies around it.
            for batch in pa.concat_tables([window, window.slice(0, 0)]).combine_chunks().to_batches():
                digest.update(batch.serialize())
    return digest.hexdigest()


def source_of(tables: Sequence[pa.Table]) -> Any:
    """What `import_records` reads: an Arrow table where this zenoo_fast takes one, else mappings, piece by piece."""
    if all(table.schema.equals(tables[0].schema) for table in tables):
        joined = pa.concat_tables(tables)
        # Columns of Python objects, say, are nothing for an Arrow stream.
        with contextlib.suppress(ConfigurationError):
            open_source(joined)
            return joined
    return _records(tables)


def _records(tables: Sequence[pa.Table]) -> Iterator[Mapping[str, Any]]:
    for table in tables:
        for batch in table.to_batches(max_chunksize=_PIECE_ROWS):
            yield from batch.to_pylist()
