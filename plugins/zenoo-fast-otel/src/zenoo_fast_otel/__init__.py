"""The plugin: registers the reporter ``otel``. OpenTelemetry is imported when the reporter is used."""

from __future__ import annotations

from collections.abc import Mapping

from zenoo_fast.plugins import hookimpl


@hookimpl
def register_reporters() -> Mapping[str, str]:
    """``otel``."""
    return {"otel": "zenoo_fast_otel.reporter:OtelReporter"}
