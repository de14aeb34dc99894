"""Inputs of any length for the memory benchmark, of every kind; none is ever whole in memory."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.client_cpu import record, write_csv

_BATCH = 8192


def batches(rows: int) -> Iterator[pa.RecordBatch]:
    """The records as batches."""
    for start in range(0, rows, _BATCH):
        yield pa.RecordBatch.from_pylist([record(number) for number in range(start, min(start + _BATCH, rows))])


def write_parquet(file: Path, rows: int) -> None:
    """In row groups of a million rows, as pyarrow makes them unless told otherwise."""
    schema = pa.RecordBatch.from_pylist([record(0)]).schema
    groups = iter(batches(rows))
    with pq.ParquetWriter(file, schema) as out:
        while group := [batch for _, batch in zip(range((1 << 20) // _BATCH), groups, strict=False)]:
            out.write_table(pa.Table.from_batches(group), row_group_size=1 << 20)


def write_arrow(file: Path, rows: int) -> None:
    """Arrow's own format."""
    schema = pa.RecordBatch.from_pylist([record(0)]).schema
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, schema) as out:
        for batch in batches(rows):
            out.write_batch(batch)


def write_ndjson(file: Path, rows: int) -> None:
    """One JSON object a line."""
    with file.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(record(number)) + "\n" for number in range(rows))


def write_sqlite(file: Path, rows: int) -> None:
    """A table of a database."""
    names = list(record(0))
    with sqlite3.connect(file) as connection:
        connection.execute(f"create table partner ({', '.join(names)})")
        marks = ", ".join("?" * len(names))
        values = (tuple(record(number).values()) for number in range(rows))
        connection.executemany(f"insert into partner values ({marks})", values)
    connection.close()


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "csv": write_csv,
    "ndjson": write_ndjson,
    "parquet": write_parquet,
    "arrow": write_arrow,
    "sqlite": write_sqlite,
}
"""Kind of input -> what writes it; the kind is the file's suffix."""
KINDS = (*WRITERS, "stream")
"""Those, and a stream that a program makes."""


def command(kind: str, file: Path, rows: int, workers: int, pressure: Mapping[str, int]) -> list[str]:
    """What imports an input, and prints the report as one JSON object.

    Args:
        pressure: Arguments of `import_records`: ``chunk_size`` and ``concurrency``, or none.
    """
    if kind == "stream":
        return [sys.executable, "-m", "benchmarks.inputs", str(rows), str(workers), json.dumps(pressure)]
    source = [f"sqlite:///{file}", "--query", "select * from partner"] if kind == "sqlite" else [str(file)]
    program = str(Path(sys.executable).with_name("zenoo-fast"))
    options = ["--model", "res.partner", "--workers", str(workers), "--quiet", "--json", "--no-journal"]
    options += [f"--{name.replace('_', '-')}={value}" for name, value in pressure.items()]
    return [program, "import", *source, *options]


async def import_stream(rows: int, workers: int, pressure: Mapping[str, Any]) -> None:
    """Import a stream of batches that Python makes one after the other."""
    from zenoo_fast.cli.outcome import as_json
    from zenoo_fast.client import ZenooClient
    from zenoo_fast.importing import import_records

    settings = {name: os.environ[f"ZENOO_FAST_{name}"] for name in ("URL", "DATABASE", "LOGIN", "API_KEY")}
    schema = pa.RecordBatch.from_pylist([record(0)]).schema
    stream: Any = pa.RecordBatchReader.from_batches(schema, batches(rows))
    async with ZenooClient(settings["URL"]) as client:
        await client.login_with_api_key(settings["DATABASE"], settings["LOGIN"], settings["API_KEY"])
        report = await import_records(client, "res.partner", stream, workers=workers, **pressure)
    print(as_json(report, None))


if __name__ == "__main__":
    asyncio.run(import_stream(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])))
