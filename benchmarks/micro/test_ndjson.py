"""NDJSON to validated chunks of 500, beside orjson reading the same lines and writing the same chunks, unvalidated.

    python -m pytest benchmarks/micro --benchmark-only

Lines are compact, as most programs write them, or have blanks, as Python's json writes them. Held beside the ratio: a
million and a half records of ten fields a second of one processor.
"""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from benchmarks.micro.test_core import CHUNK, SCHEMA, _compare, _record

from zenoo_fast import _core

RATIO = 0.4
RECORDS_PER_SECOND = 1_500_000
SPELLINGS: dict[str, Callable[[Any], bytes]] = {
    "compact": orjson.dumps,
    "blanks": lambda record: json.dumps(record).encode(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_ndjson_against_orjson(benchmark: Any, tmp_path: Path, spelling: str) -> None:
    chance = random.Random(1)
    records = [_record(number, chance) for number in range(2_000 if benchmark.disabled else 100_000)]
    path = tmp_path / "partners.ndjson"
    path.write_bytes(b"".join(SPELLINGS[spelling](record) + b"\n" for record in records))
    layout = _core.Layout(SCHEMA)

    def ours() -> int:
        source = _core.NdjsonSource(str(path))
        count = 0
        while block := source.read(layout, max_rows=CHUNK, max_bytes=1 << 24):
            count += len(block.chunk)
        return count

    def theirs() -> int:
        count = 0
        chunk = []
        with path.open("rb") as lines:
            for line in lines:
                chunk.append(orjson.loads(line))
                if len(chunk) == CHUNK:
                    count += len(chunk)
                    orjson.dumps(chunk)
                    chunk = []
        return count

    block = _core.NdjsonSource(str(path)).read(layout, max_rows=CHUNK, max_bytes=1 << 24)
    assert block is not None
    assert block.chunk.json() == layout.extract(records, max_rows=CHUNK).chunk.json()
    assert json.loads(b"[" + block.chunk.json() + b"]") == records[:CHUNK]
    assert ours() == theirs() == len(records)
    seconds = []
    for _ in range(1 if benchmark.disabled else 15):
        begin = time.process_time()
        ours()
        seconds.append(time.process_time() - begin)
    per_second = round(len(records) / min(seconds))
    benchmark.extra_info.update(records_per_processor_second=per_second, least=RECORDS_PER_SECOND)
    _compare(benchmark, ours, theirs, RATIO, len(records))
    assert benchmark.disabled or per_second >= RECORDS_PER_SECOND
