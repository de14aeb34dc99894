"""``zenoo-fast ids``."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TextIO

import click

from zenoo_fast._core import IdMap
from zenoo_fast.engine.journal import Journal


@click.command("ids")
@click.argument("journal", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; standard output without.")
def command(journal: Path, out: Path | None) -> int:
    """Write the database id of each imported row: a CSV file with the columns row (from 0) and id."""
    account, state = Journal.resume(journal)
    account.abandon()
    if out is None:
        _write(sys.stdout, state.ids)
        return 0
    with out.open("x", newline="", encoding="utf-8") as file:
        _write(file, state.ids)
    click.echo(f"{len(state.ids):,} ids: {out}", err=True)
    return 0


def _write(file: TextIO, ids: IdMap) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["row", "id"])
    writer.writerows(ids)
