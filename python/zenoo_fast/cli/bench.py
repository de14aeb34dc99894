"""``zenoo-fast bench``."""

from __future__ import annotations

import asyncio
import dataclasses
import html
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zenoo_fast.cli.connection import Settings, connection_options
from zenoo_fast.exceptions import ConfigurationError

if TYPE_CHECKING:
    from zenoo_fast.cli.measure import Cell, Measured


@click.command("bench")
@click.option("--model", default="res.partner", show_default=True, help="Model to make scratch records of.")
@connection_options
@click.option("--yes", is_flag=True, help="Do it: make scratch records on that server and delete them again.")
@click.option("--seconds", type=click.FloatRange(0.01), default=3.0, show_default=True, help="For one measurement.")
@click.option("--records", type=click.IntRange(100), default=10_000, show_default=True, help="In one, at most.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("zenoo-fast-bench.html"),
    show_default=True,
    help="HTML page with plots.",
)
@click.option("--json", "json_output", is_flag=True, help="Print the findings as one JSON object on stdout.")
def command(
    settings: Settings, model: str, yes: bool, seconds: float, records: int, report: Path, json_output: bool
) -> int:
    """Find out how your server takes records best: how many a call, and how many calls at once.

    Makes scratch records with a text that marks them, in calls of different shapes, and deletes them after each
    measurement, also when interrupted. Do this on a copy of your database: what Odoo does by itself for a new record
    (mails, numbers of sequences) stays.

    The scratch records hold the required fields only: yours may take longer, and larger ones fewer a call.
    """
    if not yes:
        raise ConfigurationError(
            f"bench makes scratch records of {model} in {settings.database} at {settings.url} and deletes them: "
            "say --yes to do that"
        )
    if not report.parent.is_dir():
        raise ConfigurationError(f"{report}: there is no folder {report.parent} to write the page into")
    measured = asyncio.run(_measure(settings, model, seconds, records))
    report.write_text(page(measured, settings.url), encoding="utf-8")
    if json_output:
        content = {
            "model": model,
            "fields": measured.fields,
            "deleted": measured.deleted,
            "cells": [dataclasses.asdict(cell) for cell in measured.cells],
            "best": dataclasses.asdict(measured.best),
        }
        click.echo(json.dumps(content))
    else:
        _print(measured)
    click.echo(f"{measured.deleted:,} scratch records were made and deleted. Plots: {report}", err=True)
    return 0


async def _measure(settings: Settings, model: str, seconds: float, records: int) -> Measured:
    from zenoo_fast.cli.measure import Bench

    def told(cell: Cell) -> None:
        click.echo(
            f"{cell.chunk_size:,} records a call, {cell.concurrency} at once: {cell.rate:,.0f} records/s", err=True
        )

    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    client = await settings.connect()
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, task.cancel)
            except NotImplementedError:  # Windows: KeyboardInterrupt cancels the task
                break
        return await Bench(client, model, seconds=seconds, most=records, told=told).run()
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        await client.close()


def _print(measured: Measured) -> None:
    from rich.console import Console
    from rich.table import Table

    best = measured.best
    table = Table()
    for title in ("records a call", "calls at once", "records/s", "time of a call", "repeated"):
        table.add_column(title, justify="right")
    for cell in measured.cells:
        values = _texts(cell)
        table.add_row(*values, style="bold green" if cell is best else "")
    Console(highlight=False).print(table)
    click.echo(_advice(measured))


def _advice(measured: Measured) -> str:
    best = measured.best
    return (
        f"Best: zenoo-fast import FILE --model {measured.model} "
        f"--chunk-size {best.chunk_size} --concurrency {best.concurrency}"
    )


def _texts(cell: Cell) -> tuple[str, ...]:
    return (
        f"{cell.chunk_size:,}",
        str(cell.concurrency),
        f"{cell.rate:,.0f}",
        f"{cell.call_seconds * 1000:,.0f} ms",
        str(cell.retries or ""),
    )


def page(measured: Measured, url: str) -> str:
    """The HTML page: two plots and the table."""
    from zenoo_fast.progress.html import document
    from zenoo_fast.progress.plots import bars

    best = measured.best
    alone = [(f"{cell.chunk_size:,}", cell.rate) for cell in measured.cells if cell.concurrency == 1]
    size = next((cell.chunk_size for cell in measured.cells if cell.concurrency > 1), best.chunk_size)
    together = [(str(cell.concurrency), cell.rate) for cell in measured.cells if cell.chunk_size == size]
    heads = ("records a call", "calls at once", "records/s", "time of a call", "repeated")
    rows = "".join(_row(cell, "b" if cell is best else "span") for cell in measured.cells)
    body = (
        f'<p class="soft">{html.escape(url)}; scratch records with {html.escape(", ".join(measured.fields))}</p>'
        f'<p class="note">{html.escape(_advice(measured))}</p><div class="grid">'
        f"{bars('Records/s by records a call, one call at once', alone)}"
        f"{bars(f'Records/s by calls at once, {size:,} records a call', together)}"
        f"</div><h2>Measurements</h2><table><tr>{''.join(f'<th class=number>{one}</th>' for one in heads)}</tr>"
        f"{rows}</table>"
    )
    return document(f"How {measured.model} goes in best", body)


def _row(cell: Any, tag: str) -> str:
    cells = "".join(f'<td class="number"><{tag}>{text}</{tag}></td>' for text in _texts(cell))
    return f"<tr>{cells}</tr>"
