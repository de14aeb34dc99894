"""Reporters by name, for the command line and for callers that give names."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from zenoo_fast.plugins import manager as plugins
from zenoo_fast.plugins.registry import named
from zenoo_fast.progress.base import ProgressReporter

NAMES = ("auto", "rich", "plain", "jsonl", "none")
"""What there is without plugins."""


def reporters(names: str | Sequence[str], html: Path | None = None) -> list[ProgressReporter]:
    """The reporters of these names, and an HTML report where one is asked for.

    Args:
        names: Of `NAMES`, or plugins', each with its configuration (``NAME=key=value`` or ``NAME={"key": …}``) where
            it has one; ``auto`` takes bars on a terminal and plain lines elsewhere.
        html: Where the HTML report goes.

    Raises:
        ConfigurationError: There is no reporter of that name, or it refuses its configuration.
    """
    chosen: list[ProgressReporter] = []
    for text in [names] if isinstance(names, str) else names:
        name, config = named(text)
        if name == "auto":
            name = "rich" if sys.stderr.isatty() else "plain"
        if name != "none":
            chosen.append(plugins.get("reporter", name).make(**config))
    if html is not None:
        from zenoo_fast.progress.html import HtmlReporter

        chosen.append(HtmlReporter(html))
    return chosen
