"""Who is told of changes made through a client: the current transaction, or nobody.

Whoever changes records on behalf of a caller (the client's create / write / unlink, the batch executor) asks
`observer_of(client)` and, where there is one, tells it **before** an update or a delete is sent and **after** a create
was answered. The observer is a context variable: it belongs to a task and to the tasks started in it, never to others.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Iterator, Mapping, Sequence

Answer = TypeVar("Answer")


class ChangeObserver(Protocol):
    """Told what changes. Errors it raises before a change keep that change from being sent."""

    def for_client(self, client: object, /) -> ChangeObserver | None:
        """Who wants to be told of this client's changes now: this one, one around it, or nobody."""

    async def before_update(
        self, model: str, written: Mapping[int, Collection[str]], context: Mapping[str, Any] | None, /
    ) -> None:
        """These records (id -> names of the fields) are about to be written."""

    async def before_delete(self, model: str, ids: Sequence[int], context: Mapping[str, Any] | None, /) -> None:
        """These records are about to be deleted."""

    def created(self, model: str, ids: Sequence[int], context: Mapping[str, Any] | None, /) -> None:
        """These records exist now."""


_current: ContextVar[ChangeObserver | None] = ContextVar("zenoo_fast_observer", default=None)


def current_observer() -> ChangeObserver | None:
    """The observer of the running task, whatever client it observes."""
    return _current.get()


def observer_of(client: object) -> ChangeObserver | None:
    """The observer that wants to be told of this client's changes, if any."""
    observer = _current.get()
    return None if observer is None else observer.for_client(client)


@contextmanager
def observing(observer: ChangeObserver | None) -> Iterator[None]:
    """Make this the running task's observer; ``None`` keeps changes from being told to anybody."""
    previous = _current.get()
    _current.set(observer)
    try:
        yield
    finally:
        # Not Token.reset: an async context manager may be left in another context than it was entered in.
        _current.set(previous)


async def finish_before_cancel(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Await `work` to its end even when the caller is cancelled meanwhile; only then is the cancellation raised.

    For a call whose answer must be known, such as a create's ids that a transaction has to undo.

    Raises:
        asyncio.CancelledError: The caller was cancelled; the work has ended.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # retrieved: the cancellation is what the caller gets
        raise cancelled
    return task.result()
