"""Fixtures of all tests: the sandbox, and a real Odoo 19 (see `tests/helpers/real_odoo.py`).

Where no real Odoo can be had the tests that need one are skipped with the reason, but fail where ``CI`` is ``true``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from real_odoo import Installation, Odoo, PrivateOdoo, UnavailableError, from_environment, installation

if TYPE_CHECKING:
    from zenoo_fast.sandbox import Sandbox, SandboxProcess


class _Cached:
    """The cached installation, brought up when a test first asks for it."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._found: Installation | None = None
        self._reason = ""

    def get(self) -> Installation:
        if self._found is None and not self._reason:
            try:
                self._found = self._stack.enter_context(installation())
            except UnavailableError as error:
                self._reason = str(error)
        if self._found is None:
            if os.environ.get("CI") == "true":
                pytest.fail(f"no real Odoo: {self._reason}")
            pytest.skip(f"no real Odoo: {self._reason}")
        return self._found


_CACHED = pytest.StashKey[_Cached]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Bring the real Odoo up before the first test: it takes minutes, and a test's time limit covers its fixtures."""
    stack = contextlib.ExitStack()
    session.config.add_cleanup(stack.close)
    cached = session.config.stash[_CACHED] = _Cached(stack)
    wanted = not session.config.option.collectonly and not os.environ.get("ZENOO_FAST_TEST_ODOO_URL")
    if wanted and any(item.get_closest_marker("odoo") for item in session.items):
        with contextlib.suppress(pytest.skip.Exception, pytest.fail.Exception):  # each test says so itself
            cached.get()


@pytest.fixture(scope="session")
def cached_odoo(pytestconfig: pytest.Config) -> _Cached:
    """For the fixtures below."""
    return pytestconfig.stash[_CACHED]


@pytest.fixture(scope="session")
def odoo(cached_odoo: _Cached) -> Odoo:
    """A real Odoo 19, shared by the session: attributes ``url database login password api_key``, and ``sql()``."""
    return from_environment() or cached_odoo.get().odoo


@pytest.fixture
def odoo_server(cached_odoo: _Cached, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., PrivateOdoo]]:
    """Makes and starts a real Odoo of the test's own: ``odoo_server(workers=1, limit_time_real=5)``.

    It may be stopped, restarted with other options, and killed, whole or a worker of it.
    """
    made: list[PrivateOdoo] = []

    def make(**options: str | int) -> PrivateOdoo:
        server = PrivateOdoo(cached_odoo.get(), tmp_path_factory.mktemp("odoo"), **options)
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.drop()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox of the test's own, in memory."""
    from zenoo_fast.sandbox import Sandbox

    async with Sandbox() as server:
        yield server


@pytest.fixture
def sandbox_process() -> Iterator[SandboxProcess]:
    """A sandbox in a process of its own."""
    from zenoo_fast.sandbox import SandboxProcess

    with SandboxProcess() as server:
        yield server
