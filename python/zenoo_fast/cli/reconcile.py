"""``zenoo-fast reconcile``."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zenoo_fast.cli.connection import Settings, connection_options

if TYPE_CHECKING:
    from zenoo_fast.reconciling import Reconciliation


@click.command("reconcile")
@click.argument("journal", type=click.Path(dir_okay=False, path_type=Path))
@connection_options
@click.option(
    "--server-limit",
    type=click.FloatRange(0),
    default=150.0,
    show_default=True,
    help="Seconds after which the server is no longer running a call (above its limit_time_real).",
)
@click.option("--json", "json_output", is_flag=True, help="Print the findings as one JSON object on stdout.")
def command(settings: Settings, journal: Path, server_limit: float, *, json_output: bool) -> int:
    """Find out which rows are in that the run of JOURNAL sent without learning their end.

    Rows with an external id are looked up by it. Rows of a plain create are recognised by their values, among the
    records that the same user has made since the run began. Nothing is written to Odoo; what is found is noted in the
    journal, and rows that are not in can be sent with import --resume.

    Exit codes: 0 nothing is unknown any more, 1 something is.
    """
    found = asyncio.run(_reconcile(settings, journal, server_limit))
    if json_output:
        content = {
            "doubted": found.doubted,
            "found": found.found,
            "absent": found.absent,
            "unknown": len(found.unknown),
            "unknown_rows": found.unknown.ranges(),
            "compared": found.compared,
        }
        click.echo(json.dumps(content))
    else:
        _print(found, journal)
    return 1 if found.unknown else 0


def _print(found: Reconciliation, journal: Path) -> None:
    if not found.doubted:
        click.echo(f"{journal}: no row is in doubt.")
        return
    by = f"compared by {', '.join(found.compared)}" if found.compared else "looked up by external id"
    click.echo(f"{found.doubted:,} rows were in doubt ({by}): {found.found:,} are in, {found.absent:,} are not.")
    if found.absent:
        click.echo("Those that are not in are sent by the same import command with --resume.")
    if found.unknown:
        rows = ", ".join(f"{start}-{stop - 1}" for start, stop in found.unknown.ranges()[:5])
        click.echo(f"{len(found.unknown):,} rows stay unknown (rows {rows}): look for them in Odoo.")


async def _reconcile(settings: Settings, journal: Path, server_limit: float) -> Reconciliation:
    from zenoo_fast.reconciling import reconcile_journal

    client = await settings.connect()
    try:
        return await reconcile_journal(client, journal, server_limit=server_limit)
    finally:
        await client.close()
