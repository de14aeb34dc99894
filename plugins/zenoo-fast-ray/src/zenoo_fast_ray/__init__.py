"""zenoo_fast on a Ray cluster: a Ray Data datasink with one concurrency limit, a journal a block, and one report.

The public names, each imported when it is first asked for: the actors need no Ray Data, which is slow to load.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zenoo_fast.transports.secret import Secret
    from zenoo_fast_ray.actors import start_limiter, stop_limiter
    from zenoo_fast_ray.datasink import OdooDatasink
    from zenoo_fast_ray.login import Login

_MODULES = {
    "Login": "zenoo_fast_ray.login",
    "OdooDatasink": "zenoo_fast_ray.datasink",
    "Secret": "zenoo_fast.transports.secret",
    "start_limiter": "zenoo_fast_ray.actors",
    "stop_limiter": "zenoo_fast_ray.actors",
}

__all__ = ["Login", "OdooDatasink", "Secret", "start_limiter", "stop_limiter"]


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
