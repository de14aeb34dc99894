"""``zenoo-fast fields``."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from zenoo_fast.cli.connection import Settings, connection_options


@click.command("fields")
@click.argument("model")
@connection_options
@click.option("--all", "show_all", is_flag=True, help="Readonly fields, too.")
@click.option("--json", "json_output", is_flag=True, help="Print the fields as one JSON object.")
def command(settings: Settings, model: str, *, show_all: bool, json_output: bool) -> int:
    """List MODEL's fields: what the columns of a file may be named, and what their cells hold."""
    fields = asyncio.run(_fields(settings, model))
    chosen = {name: facts for name, facts in sorted(fields.items()) if show_all or not facts.get("readonly")}
    if json_output:
        click.echo(json.dumps(chosen, ensure_ascii=False))
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{model}: {len(chosen)} fields", caption=_relations(chosen), caption_justify="left")
    for title in ("field", "type", "label", "holds"):
        table.add_column(title, no_wrap=title == "field", overflow="fold")
    for name, facts in chosen.items():
        kind = f"{facts['type']}, required" if facts.get("required") else facts["type"]
        table.add_row(name, kind, str(facts.get("string") or ""), _holds(facts))
    console = Console(markup=False)
    if not console.is_terminal:
        console.width = 10_000  # a line each, for grep; the table takes what it needs
    console.print(table)
    return 0


def _relations(fields: dict[str, Any]) -> str | None:
    """How a column names related records, by the first relation there is."""
    name = next((name for name, facts in fields.items() if facts["type"] == "many2one"), None)
    if name is None:
        return None
    return f"Related records are named by database id ({name}/.id), external id ({name}/id) or name ({name})."


def _holds(facts: dict[str, Any]) -> str:
    if facts["type"] in {"many2one", "one2many", "many2many"}:
        return str(facts.get("relation"))
    if facts["type"] == "selection":
        return ", ".join(str(one[0]) for one in facts.get("selection") or ())
    return ""


async def _fields(settings: Settings, model: str) -> dict[str, Any]:
    from zenoo_fast.engine.prepare import fields_of

    client = await settings.connect()
    try:
        return await fields_of(client.transport, model)
    finally:
        await client.close()
