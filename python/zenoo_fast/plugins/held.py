"""Names what holds an event loop up: reporters, run events, sources and transports live in it, and must not block."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

HELD_SECONDS = 3.0
"""Who holds a loop up for longer is named in a warning, once."""
_LOOK_SECONDS = 0.25

_told: set[str] = set()
_last = 0.0


@contextmanager
def watched(what: str) -> Iterator[None]:
    """Around what a plugin does in the loop.

    Args:
        what: Who it is, for the message.
    """
    began = time.perf_counter()
    try:
        yield
    finally:
        held(what, time.perf_counter() - began)


def held(what: str, seconds: float) -> None:
    """Somebody did something in the loop that took so long."""
    global _last  # noqa: PLW0603 - of the process, as its loop is
    if seconds < HELD_SECONDS:
        return
    _last = time.perf_counter()
    if what not in _told:
        _told.add(what)
        logger.warning("%s held the event loop up for %.1f s: nothing was sent or received meanwhile", what, seconds)


async def watch(suspects: Callable[[], str]) -> None:
    """Tell of what nobody is named for, until cancelled.

    Args:
        suspects: Who may have done it, where that can be guessed; empty where not.
    """
    while True:
        began = time.perf_counter()
        await asyncio.sleep(_LOOK_SECONDS)
        late = time.perf_counter() - began - _LOOK_SECONDS
        if _last < began:
            found = suspects()
            held(f"something in this process, perhaps {found}," if found else "something in this process", late)
