"""The transports and reporters that come with zenoo_fast, registered as any plugin's are."""

from __future__ import annotations

from collections.abc import Mapping

from zenoo_fast.plugins.hookspecs import hookimpl


@hookimpl
def register_transports() -> Mapping[str, str]:
    """The two HTTP protocols."""
    return {
        "json2": "zenoo_fast.transports.json2:Json2Transport",
        "jsonrpc": "zenoo_fast.transports.jsonrpc:JsonRpcTransport",
    }


@hookimpl
def register_reporters() -> Mapping[str, str]:
    """Bars on a terminal, lines without one, JSON lines for programs."""
    return {
        "rich": "zenoo_fast.progress.console:ConsoleReporter",
        "plain": "zenoo_fast.progress.plain:PlainReporter",
        "jsonl": "zenoo_fast.progress.jsonl:JsonLinesReporter",
    }
