"""``zenoo-fast plugins``."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command("plugins")
@click.option("--json", "json_output", is_flag=True, help="Print one JSON object on stdout.")
def command(json_output: bool) -> int:
    """List the installed plugins: their version, what they register, and what failed to load and why.

    ZENOO_FAST_PLUGINS=name,name loads these only; none loads no plugin.

    \b
    Exit codes: 0 every plugin works, 1 some are left out.
    """
    from zenoo_fast.plugins import manager

    plugins = manager.installed()
    entries = plugins.entries()
    found = []
    for one in [manager.Found(manager.BUILTIN), *plugins.found()]:
        mine = [entry for entry in entries if entry.plugin == one.name]
        names: dict[str, list[str]] = {}
        for entry in mine:
            names.setdefault(entry.kind, []).append(entry.name)
        failures = [one.failure] if one.failure else _unusable(mine)
        events = plugins.implemented(one.name)
        found.append(
            {
                "name": one.name,
                "distribution": one.distribution,
                "registers": names,
                "events": events,
                "fails": failures,
            }
        )
    if json_output:
        click.echo(json.dumps({"plugins": found}, indent=2))
    else:
        for facts in found:
            _show(facts)
    return 1 if any(facts["fails"] for facts in found) else 0


def _unusable(entries: list[Any]) -> list[str]:
    """What is registered as ``module:attr`` is imported here, so that a wrong one is told before a run needs it."""
    from zenoo_fast.exceptions import ConfigurationError

    failures = []
    for entry in entries:
        try:
            entry.factory()
        except ConfigurationError as error:
            failures.append(error.message)
    return failures


def _show(facts: dict[str, Any]) -> None:
    source = f" ({facts['distribution']})" if facts["distribution"] else ""
    click.echo(f"{facts['name']}{source}")
    for kind, names in facts["registers"].items():
        click.echo(f"  {kind + 's:':13}{', '.join(sorted(names))}")
    if facts["events"]:
        click.echo(f"  {'events:':13}{', '.join(facts['events'])}")
    for failure in facts["fails"]:
        click.echo(f"  {'FAILED:':13}{failure}")
