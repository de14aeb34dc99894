"""zenoo_fast: a bulk engine for Odoo.

The public names, each imported when it is first asked for: ``import zenoo_fast`` itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zenoo_fast._core import __version__
    from zenoo_fast.batch import BatchManager
    from zenoo_fast.client import ZenooClient
    from zenoo_fast.engine.crew import Control
    from zenoo_fast.engine.outcome import Reject
    from zenoo_fast.engine.report import ImportReport, RejectsError
    from zenoo_fast.exceptions import (
        AccessError,
        AuthenticationError,
        ConfigurationError,
        ConnectionError,  # noqa: A004 - the public contract's name
        InternalError,
        MethodNotFoundError,
        RequestTimeoutError,
        SourceError,
        ValidationError,
        ZenooError,
    )
    from zenoo_fast.importing import import_records
    from zenoo_fast.reconciling import reconcile_journal
    from zenoo_fast.sources.query import sql
    from zenoo_fast.transaction import TransactionManager

_MODULES = {
    "__version__": "_core",
    "AccessError": "exceptions",
    "AuthenticationError": "exceptions",
    "BatchManager": "batch",
    "ConfigurationError": "exceptions",
    "ConnectionError": "exceptions",
    "Control": "engine.crew",
    "ImportReport": "engine.report",
    "InternalError": "exceptions",
    "MethodNotFoundError": "exceptions",
    "Reject": "engine.outcome",
    "RejectsError": "engine.report",
    "RequestTimeoutError": "exceptions",
    "SourceError": "exceptions",
    "TransactionManager": "transaction",
    "ValidationError": "exceptions",
    "ZenooClient": "client",
    "ZenooError": "exceptions",
    "import_records": "importing",
    "reconcile_journal": "reconciling",
    "sql": "sources.query",
}

__all__ = [
    "AccessError",
    "AuthenticationError",
    "BatchManager",
    "ConfigurationError",
    "ConnectionError",
    "Control",
    "ImportReport",
    "InternalError",
    "MethodNotFoundError",
    "Reject",
    "RejectsError",
    "RequestTimeoutError",
    "SourceError",
    "TransactionManager",
    "ValidationError",
    "ZenooClient",
    "ZenooError",
    "__version__",
    "import_records",
    "reconcile_journal",
    "sql",
]


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
