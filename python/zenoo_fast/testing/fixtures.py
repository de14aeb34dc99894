"""pytest fixtures: a sandbox and fault proxies, for tests that are no coroutines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeAlias

import pytest

from zenoo_fast.sandbox import FaultProxy, ProxyFault, SandboxProcess

ProxyStarter: TypeAlias = Callable[..., FaultProxy]


@pytest.fixture
def odoo_sandbox() -> Iterator[SandboxProcess]:
    """A server that answers like Odoo, in a process of its own: `url`, `database`, `login`, `password`, `api_key`."""
    with SandboxProcess() as sandbox:
        yield sandbox


@pytest.fixture
def fault_proxy() -> Iterator[ProxyStarter]:
    """Starts proxies: ``fault_proxy(url, sequence=[ProxyFault("reset-after")]).url``; see `FaultProxy`."""
    with ExitStack() as stack:

        def start(
            target_url: str, *, plan: Sequence[ProxyFault] = (), sequence: Sequence[ProxyFault] = (), seed: int = 0
        ) -> FaultProxy:
            proxy = FaultProxy(target_url, plan=plan, sequence=sequence, seed=seed)
            return stack.enter_context(_served(proxy))

        yield start


@contextmanager
def _served(proxy: FaultProxy) -> Iterator[FaultProxy]:
    """Serve it from an event loop in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fault-proxy")
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(proxy.__aenter__(), loop).result(10)
        try:
            yield proxy
        finally:
            asyncio.run_coroutine_threadsafe(proxy.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
