"""What a plugin may implement, every function optional. Names are registered once; nothing here runs per record."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import pluggy

if TYPE_CHECKING:
    from zenoo_fast.engine.outcome import Settled
    from zenoo_fast.engine.report import ImportReport
    from zenoo_fast.plugins.validators import Validator
    from zenoo_fast.progress.base import ProgressReporter, RunInfo
    from zenoo_fast.transports.base import Transport

PROJECT = "zenoo_fast"
"""Also the group of the entry points."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's implementation of one of the functions below."""

TransportFactory: TypeAlias = "Callable[..., Transport]"
"""Called with a `Connection` and the transport's options as keywords; usually a class."""
ValidatorFactory: TypeAlias = "Callable[..., Validator]"
"""Called with the configuration as keywords; usually a class."""
ReporterFactory: TypeAlias = "Callable[..., ProgressReporter]"
"""Called with the configuration as keywords; usually a class."""
SourceFactory: TypeAlias = Callable[[str], Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]]
"""Called with what the user gave, answers the records: mappings field -> value."""


@hookspec
def register_transports() -> Mapping[str, TransportFactory | str]:
    """Transports by name: classes, or ``module:attr`` (imported when the transport is used for the first time)."""
    raise NotImplementedError


@hookspec
def register_validators() -> Mapping[str, ValidatorFactory | str]:
    """Validators by name: classes, or ``module:attr``."""
    raise NotImplementedError


@hookspec
def register_reporters() -> Mapping[str, ReporterFactory | str]:
    """Progress reporters by name: classes, or ``module:attr``."""
    raise NotImplementedError


@hookspec
def register_sources() -> Mapping[str, SourceFactory | str]:
    """Sources: ``".xlsx"`` opens paths that end so, ``"erp"`` opens ``erp:whatever``; callables, or ``module:attr``."""
    raise NotImplementedError


@hookspec
def run_started(run: RunInfo) -> None:
    """A run begins. Called in the coordinator's process and loop; must not block."""


@hookspec
def chunk_done(run: RunInfo, settled: Settled) -> None:
    """Rows of one chunk have come to their end. Called in the coordinator's process and loop; must not block."""


@hookspec
def run_finished(run: RunInfo, report: ImportReport) -> None:
    """A run has ended, however it did. Called in the coordinator's process and loop; must not block."""
