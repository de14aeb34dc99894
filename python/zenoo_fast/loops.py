"""The event loop of workers and of the sandbox: uvloop's where it exists, asyncio's own elsewhere."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Answer = TypeVar("Answer")


def uvloop_run() -> Callable[[Coroutine[Any, Any, Any]], Any] | None:
    """Uvloop's `run`; ``None`` where uvloop does not exist or is not installed."""
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.run


def run(main: Coroutine[Any, Any, Answer]) -> Answer:
    """Run it to its end, as `asyncio.run` does.

    Args:
        main: What to run.

    Returns:
        Its answer.
    """
    answer: Answer = (uvloop_run() or asyncio.run)(main)
    return answer
