"""``zenoo-fast demo``."""

from __future__ import annotations

import asyncio
import csv
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zenoo_fast.cli.outcome import print_report

if TYPE_CHECKING:
    from zenoo_fast.engine.report import ImportReport

COUNTRY = 1
"""The sandbox's first country."""
_FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Ken", "Margaret", "Niklaus")
_LAST = ("Adler", "Becker", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Haas", "Ito", "Janssen")


@click.command("demo")
@click.option("--rows", type=click.IntRange(100), default=100_000, show_default=True, help="Partners to make up.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where the files go [a new one].")
def command(rows: int, folder: Path | None) -> int:
    """Import made-up partners, 50 of them bad, into a sandbox, and show the result.

    Starts the sandbox, writes a CSV file, imports it through two worker processes, and says where the rejected rows
    are. Nothing leaves this machine.
    """
    folder = folder or Path(tempfile.mkdtemp(prefix="zenoo-fast-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "partners.csv"
    bad = min(50, rows // 100)
    write_partners(source, rows, bad)
    click.echo(f"Wrote {rows:,} partners to {source}, {bad} of them bad.", err=True)
    report = asyncio.run(_import(source, folder / "rejects.csv"))
    print_report(report, report.rejects_file, str(source), again=False)
    click.echo(
        "The sandbox is gone again. zenoo-fast sandbox starts one to keep trying; --help tells the rest.", err=True
    )
    return 0 if report.adds_up and (report.created, report.rejected) == (rows - bad, bad) else 1


def write_partners(path: Path, rows: int, bad: int, seed: int = 1) -> None:
    """Write made-up partners.

    Args:
        path: CSV file.
        rows: How many.
        bad: How many of them cannot go in; every kind of fault has its turn.
        seed: Of what they are called.
    """
    chance = random.Random(seed)  # noqa: S311 - names, not secrets
    wrong = dict(zip(sorted(chance.sample(range(rows), bad)), range(bad), strict=True))
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(("name", "email", "phone", "is_company", "color", "lang", "country_id/.id", "comment"))
        for row in range(rows):
            name = f"{chance.choice(_FIRST)} {chance.choice(_LAST)} {row}"
            cells = [name, f"p{row}@example.com", f"+49 30 {row:07}", row % 4 == 0, row % 11, "", COUNTRY, f"Row {row}"]
            if row in wrong:
                place, value = ((0, ""), (4, "blue"), (6, 987_654), (3, "perhaps"))[wrong[row] % 4]
                cells[place] = value
            out.writerow(cells)


async def _import(source: Path, rejects: Path) -> ImportReport:
    from zenoo_fast.client import ZenooClient
    from zenoo_fast.importing import import_records
    from zenoo_fast.progress.choose import reporters
    from zenoo_fast.sandbox import SandboxProcess

    with SandboxProcess() as sandbox:
        click.echo(f"Started a sandbox at {sandbox.url}.", err=True)
        async with ZenooClient(sandbox.url) as client:
            await client.login_with_api_key(sandbox.database, sandbox.login, sandbox.api_key)
            return await import_records(
                client, "res.partner", source, workers=2, rejects=rejects, progress=reporters("auto")
            )
