"""A sandbox in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType


class SandboxProcess:
    """Start `python -m zenoo_fast.sandbox` and stop it at the end.

    Args:
        port: TCP port, 0 for any free one.
        discard: Store nothing.
        keep_alive: Keep connections open.
        path: File that keeps the records; a restart on the same file has them.
    """

    def __init__(
        self, *, port: int = 0, discard: bool = False, keep_alive: bool = False, path: str = ":memory:"
    ) -> None:
        flags = ["--discard"] * discard + ["--keep-alive"] * keep_alive
        self._command = [sys.executable, "-m", "zenoo_fast.sandbox", "--port", str(port), "--path", path, *flags]
        self.url = self.database = self.login = self.password = self.api_key = ""

    def __enter__(self) -> SandboxProcess:  # noqa: PYI034
        """Start it; returns when it listens."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE)  # noqa: S603 - our own module
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError("the sandbox did not start; its errors are above")
        ready: dict[str, Any] = json.loads(line)
        for name, value in ready.items():
            setattr(self, name, value)
        return self

    def stop(self, *, kill: bool = False) -> None:
        """End the process, with SIGKILL where asked."""
        self.process.kill() if kill else self.process.terminate()
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        if self.process.poll() is None:
            self.stop()
        elif self.process.stdout is not None:
            self.process.stdout.close()
