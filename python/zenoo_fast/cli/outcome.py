"""What a command prints of a report, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from zenoo_fast.engine.report import ImportReport

EXIT_GOOD = 0
EXIT_ROWS_OUT = 1
EXIT_INTERRUPTED = 130
COUNTS = ("created", "updated", "unchanged", "deleted", "rejected", "unknown")


def exit_code(report: ImportReport, *, interrupted: bool) -> int:
    """0: every row is in; 1: some are not; 130: interrupted."""
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_ROWS_OUT if report.rejected or report.unknown or report.stopped else EXIT_GOOD


def as_json(report: ImportReport, rejects: Path | None) -> str:
    """The report as one JSON object."""
    content: dict[str, Any] = {
        name: getattr(report, name) for name in ("run_id", "model", "mode", "dry_run", "read", *COUNTS)
    }
    content |= {
        "adds_up": report.adds_up,
        "not_read": report.not_read,
        "stopped": report.stopped,
        "seconds": round(report.seconds, 3),
        "rows_per_second": round(report.rows_per_second, 1),
        "requests": report.requests,
        "retries": report.retries,
        "resumed": report.resumed,
        "journal": str(report.journal) if report.journal else None,
        "rejects_file": str(rejects) if rejects else None,
        "rejects": [
            {"row": one.row, "field": one.field, "code": one.code, "message": one.message} for one in report.rejects
        ],
        "unknown_rows": report.unknown_rows.ranges(),
        "unknown_reason": report.unknown_reason,
        "ids": report.ids.runs(),
        "tuning": report.tuning,
    }
    return json.dumps(content, ensure_ascii=False)


def print_report(report: ImportReport, rejects: Path | None, source: str, *, again: bool = True) -> None:
    """The reconciled table on stderr, and what to do next (`again`: the same server is there to import to)."""
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True, highlight=False)
    click.echo(f"{report.model}: {report.mode}{' (dry run: nothing was sent)' if report.dry_run else ''}", err=True)
    table = Table()
    table.add_column("rows", style="bold")
    table.add_column("count", justify="right")
    table.add_row("read", f"{report.read:,}")
    if report.dry_run:
        table.add_row("good", f"{report.read - report.rejected:,}")
        table.add_row("rejected", f"{report.rejected:,}", style="red" if report.rejected else "")
    else:
        for name in COUNTS:
            count = getattr(report, name)
            if count or name in {"created", "rejected", "unknown"}:
                bad = name in {"rejected", "unknown"} and count
                table.add_row(name, f"{count:,}", style="red" if bad else "")
    console.print(table)
    retries = f", {report.retries:,} of them repeated" if report.retries else ""
    calls = f"{report.requests:,} call{'' if report.requests == 1 else 's'}{retries}"
    click.echo(f"{report.seconds:.1f} s, {report.rows_per_second:,.0f} rows/s, {calls}", err=True)
    if not report.adds_up:
        console.print("[bold red]The counts do not add up: please report this as a bug.[/]")
    for line in advice(report, rejects, source, again=again):
        click.echo(line, err=True)


def advice(report: ImportReport, rejects: Path | None, source: str, *, again: bool = True) -> list[str]:
    """What happened to the rows that are not in, one line each."""
    lines = []
    if report.stopped:
        rest = "; the rest of the input was not read" if report.not_read else ""
        lines.append(f"Stopped: {report.stopped}{rest}.")
        if report.journal is not None:
            lines.append(
                f"What came to its end is in {report.journal}: the same command with --resume goes on from there."
            )
    if report.rejected:
        first = report.rejects[0]
        where = f", {first.field}" if first.field else ""
        lines.append(f"First reject: row {first.row} (counted from 0){where}: {first.message}")
        if rejects is not None and again:
            command = f"zenoo-fast import {rejects} --model {report.model}"
            mode = f" --mode {report.mode}" if report.mode != "create" else ""
            lines.append(f"Rejected rows: {rejects}; mend them there and import that file: {command}{mode}")
        elif rejects is not None:
            lines.append(f"Rejected rows: {rejects}")
    if report.unknown:
        rows = ", ".join(f"{start}-{stop - 1}" for start, stop in report.unknown_rows.ranges()[:5])
        lines.append(f"Unknown: rows {rows} of {source} were sent and never answered for certain.")
        if report.journal is not None:
            lines.append(f"  Find out which of them are in: zenoo-fast reconcile {report.journal}")
        lines.append(f"  Reason: {report.unknown_reason}")
    return lines
