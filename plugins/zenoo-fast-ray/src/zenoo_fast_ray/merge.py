"""One report and one reject file of all blocks. Rows are counted through the blocks, in the order of their tasks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from zenoo_fast._core import IdMap, RowSet
from zenoo_fast.engine.outcome import Reject
from zenoo_fast.engine.rejects import RejectFile
from zenoo_fast.engine.report import ImportReport
from zenoo_fast.engine.tally import REJECTS_KEPT
from zenoo_fast.sources.columns import REASON_COLUMNS
from zenoo_fast_ray.result import BlockResult

_ENDS = ("read", "created", "updated", "unchanged", "deleted", "rejected", "unknown")
_COUNTS = (*_ENDS, "requests", "retries", "resumed")


def merged(report: ImportReport, results: Iterable[BlockResult]) -> ImportReport:
    """Add the blocks' accounts to a report, in the order of their tasks.

    Args:
        report: A fresh one.
        results: One a block.

    Returns:
        The same report.
    """
    rejects: list[Reject] = []
    blocks = attempts = 0
    for result, first in numbered(results):
        for name in _COUNTS:
            setattr(report, name, getattr(report, name) + getattr(result, name))
        for start, first_id, length in IdMap.from_bytes(result.ids).runs():
            report.ids.put(range(first + start, first + start + length), range(first_id, first_id + length))
        for start, stop in RowSet.from_bytes(result.unknown_rows).ranges():
            report.unknown_rows.add(first + start, first + stop)
        rejects += [one._replace(row=first + one.row) for one in result.rejects[: REJECTS_KEPT - len(rejects)]]
        report.unknown_reason = report.unknown_reason or result.unknown_reason
        report.stopped = report.stopped or result.stopped
        report.not_read = report.not_read or result.not_read
        report.tuning["transport"] = result.transport or report.tuning.get("transport", "")
        blocks += 1
        attempts += result.attempts
    report.rejects = rejects
    report.tuning.update(blocks=blocks, attempts=attempts)
    return report


def numbered(results: Iterable[BlockResult]) -> Iterator[tuple[BlockResult, int]]:
    """Each block and the number of its first row."""
    first = 0
    for result in sorted(results, key=lambda one: one.task):
        yield result, first
        first += result.rows


def write_rejects(file: RejectFile, part: bytes, first: int) -> None:
    """Add a block's reject file to that of the whole write.

    Args:
        file: Of the whole write.
        part: The block's: JSON lines of mappings, or CSV of an input with columns.
        first: Number of the block's first row.

    Raises:
        OSError: The file cannot be written.
    """
    file.write(_rejects(part, first))


def _rejects(part: bytes, first: int) -> Iterator[Reject]:
    for record in _json_lines(part) if part.startswith(b"{") else _csv_rows(part):
        row, field, code, message = (record.pop(name) for name in REASON_COLUMNS)
        yield Reject(first + int(row), field or None, code, message, record)


def _json_lines(part: bytes) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in part.splitlines())


def _csv_rows(part: bytes) -> Iterator[dict[str, Any]]:
    before = csv.field_size_limit(max(len(part), csv.field_size_limit()))
    try:
        yield from csv.DictReader(io.StringIO(part.decode(), newline=""))
    finally:
        csv.field_size_limit(before)
