"""Records to validated chunks, beside what does the nearest equal thing without validating.

    python -m pytest benchmarks/micro --benchmark-only

Both run in turn, and the ratio is the median of the pairs', of the processor time that they took: both need one core,
and what else runs on the machine does not count. It is in the results' ``extra_info`` beside its bar, as is the ratio
of wall times. Each checks that what came out is right.
"""

import csv
import json
import random
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from zenoo_fast import _core
from zenoo_fast.sources.arrow import ArrowFile

CHUNK = 500
BLOCK = 8192


def _field(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "required": False, "readonly": False, **more}


FIELDS = {
    "name": _field("char", required=True),
    "email": _field("char"),
    "phone": _field("char"),
    "street": _field("char"),
    "city": _field("char"),
    "zip": _field("char"),
    "color": _field("integer"),
    "partner_latitude": _field("float"),
    "is_company": _field("boolean"),
    "country_id": _field("many2one", relation="res.country"),
}
SCHEMA = _core.Schema("res.partner", FIELDS)


def _record(number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "name": f"Partner number {number}",
        "email": f"partner{number}@example.com",
        "phone": f"+32 2 {number:07d}",
        "street": f"Street of the {number % 977} lamps",
        "city": "Brussels",
        "zip": str(1000 + number % 9000),
        "color": number % 12,
        "partner_latitude": round(chance.uniform(-90, 90), 6),
        "is_company": number % 3 == 0,
        "country_id": 1 + number % 240,
    }


@pytest.fixture
def records(benchmark: Any) -> list[dict[str, Any]]:
    chance = random.Random(1)
    return [_record(number, chance) for number in range(2_000 if benchmark.disabled else 100_000)]


@pytest.fixture
def csv_file(tmp_path: Path, records: list[dict[str, Any]]) -> Path:
    path = tmp_path / "partners.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*[*FIELDS][:-1], "country_id/.id"])
        for record in records:
            writer.writerow([str(value).lower() if value in (True, False) else value for value in record.values()])
    return path


def _columns(names: list[str]) -> _core.Layout:
    return _core.Layout(SCHEMA, columns=names)


def _read_all(source: Any, layout: _core.Layout) -> int:
    count = 0
    while block := source.read(layout, max_rows=BLOCK, max_bytes=1 << 24):
        count += len(block.chunk)
    return count


def _compare(benchmark: Any, ours: Callable[[], Any], theirs: Callable[[], Any], bar: float, records: int) -> None:
    """Time both in turn; the results carry ours, and the ratios."""
    pairs = [(_timed(ours), _timed(theirs)) for _ in range(1 if benchmark.disabled else 15)]
    ratio, wall_ratio = (statistics.median(mine[at] / other[at] for mine, other in pairs) for at in (0, 1))
    benchmark.pedantic(ours, rounds=3)
    benchmark.extra_info.update(
        ratio=round(ratio, 3),
        bar=bar,
        wall_ratio=round(wall_ratio, 3),
        records_per_second=round(records / min(mine[1] for mine, _ in pairs)),
    )
    if not benchmark.disabled:
        print(f" {benchmark.name}: {benchmark.extra_info}")
        assert ratio <= bar


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Processor and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def test_mappings_against_orjson(benchmark, records):
    layout = _core.Layout(SCHEMA)

    def ours() -> int:
        starts = range(0, len(records), CHUNK)
        return sum(len(layout.extract(records, start, max_rows=CHUNK).chunk) for start in starts)

    def theirs() -> None:
        for start in range(0, len(records), CHUNK):
            orjson.dumps(records[start : start + CHUNK])

    chunk = layout.extract(records, CHUNK, max_rows=CHUNK).chunk
    assert json.loads(b"[" + chunk.json() + b"]") == records[CHUNK : 2 * CHUNK]
    assert ours() == len(records)
    _compare(benchmark, ours, theirs, 1.25, len(records))


def test_csv_against_pyarrow(benchmark, records, csv_file):
    def ours() -> int:
        source = _core.CsvSource(str(csv_file))
        return _read_all(source, _columns(source.header))

    def theirs() -> int:
        options = pyarrow.csv.ReadOptions(use_threads=False)
        return pyarrow.csv.read_csv(csv_file, read_options=options).num_rows

    source = _core.CsvSource(str(csv_file))
    block = source.read(_columns(source.header), max_rows=CHUNK, max_bytes=1 << 24)
    assert block is not None
    assert json.loads(b"[" + block.chunk.json() + b"]") == records[:CHUNK]
    assert ours() == theirs() == len(records)
    _compare(benchmark, ours, theirs, 1.5, len(records))


@pytest.fixture
def table(records: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(records)


def _arrow_layout() -> _core.Layout:
    return _columns([*[*FIELDS][:-1], "country_id/.id"])


def test_arrow_against_pyarrow_and_orjson(benchmark, records, table):
    """The nearest equal thing: pyarrow makes Python objects of the batches, orjson writes them."""
    layout = _arrow_layout()

    def ours() -> int:
        return _read_all(_core.ArrowSource(table), layout)

    def theirs() -> int:
        return sum(len(orjson.dumps(batch.to_pylist())) for batch in table.to_batches(CHUNK))

    block = _core.ArrowSource(table).read(layout, max_rows=CHUNK, max_bytes=1 << 24)
    assert block is not None
    assert json.loads(b"[" + block.chunk.json() + b"]") == records[:CHUNK]
    assert ours() == len(records)
    _compare(benchmark, ours, theirs, 0.2, len(records))


def test_parquet_against_pyarrow(benchmark, records, table, tmp_path):
    """The nearest equal thing: pyarrow decodes the file in batches, and nothing is made of them."""
    layout = _arrow_layout()
    path = tmp_path / "partners.parquet"
    pyarrow.parquet.write_table(table, path)

    def opened() -> ArrowFile:
        source = ArrowFile(path)
        source.layout = layout
        return source

    def ours() -> int:
        source, count = opened(), 0
        while block := source.read(BLOCK, 1 << 24, None):
            count += len(block.chunk)
        return count

    def theirs() -> int:
        file = pyarrow.parquet.ParquetFile(path, pre_buffer=False)
        return sum(batch.num_rows for batch in file.iter_batches(BLOCK, use_threads=False))

    block = opened().read(CHUNK, 1 << 24, None)
    assert block is not None
    assert json.loads(b"[" + block.chunk.json() + b"]") == records[:CHUNK]
    assert ours() == theirs() == len(records)
    _compare(benchmark, ours, theirs, 3, len(records))


def test_another_thread_runs_while_a_file_is_read(benchmark, tmp_path, csv_file):
    """Beside one call into the extension, a thread of Python gets as much of the processor as the call does."""
    header, _, body = csv_file.read_bytes().partition(b"\n")
    many = tmp_path / "many.csv"
    many.write_bytes(header + b"\n" + body * (400_000 // body.count(b"\n")))
    source = _core.CsvSource(str(many))
    layout = _columns(source.header)
    finished = threading.Event()
    started = threading.Event()

    def count() -> None:
        started.set()
        while not finished.is_set():
            pass

    thread = threading.Thread(target=count)
    thread.start()
    started.wait()
    clock = time.pthread_getcpuclockid(thread.ident)
    others, own = time.clock_gettime(clock), time.thread_time()
    block = source.read(layout, max_rows=400_000, max_bytes=1 << 30)
    own, others = time.thread_time() - own, time.clock_gettime(clock) - others
    finished.set()
    thread.join()
    assert block is not None
    assert len(block.chunk) == 400_000
    # Holding the interpreter, the call would leave it the moment between its end and here.
    assert others > 0.3 * own
    benchmark.extra_info.update(seconds_of_the_call=own, seconds_of_the_other_thread=others)
    benchmark.pedantic(time.thread_time, rounds=1)
