"""A real Chromium without a window, over its DevTools protocol.

Where there is none it is installed once with Debian's package manager; where that cannot be, tests are skipped with the
reason, but fail where ``CI`` is ``true``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--remote-debugging-port=0",
)


def executable() -> str:
    """The browser's path."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = _install()
        found = shutil.which("chromium")
        if found is None:
            if os.environ.get("CI") == "true":
                pytest.fail(f"no Chromium: {reason}")
            pytest.skip(f"no Chromium: {reason}")
    return found


def _install() -> str:
    """Install Debian's Chromium; the reason where that cannot be."""
    if not shutil.which("apt-get"):
        return "this is no Debian: install Chromium for this test"
    if os.geteuid() != 0:
        return "apt-get install chromium needs root"
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run(["apt-get", *arguments], env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"apt-get {arguments[0]}: {done.stderr.strip()[-300:]}"
    return "apt-get installed none"


@dataclass
class Page:
    """One page.

    Attributes:
        complaints: What the console says: errors, warnings, exceptions.
        requests: Addresses that the page asked for, beside itself.
    """

    socket: aiohttp.ClientWebSocketResponse
    session: str = ""
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def do(self, method: str, **parameters: Any) -> Any:
        """One command of the protocol."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        to = {"sessionId": self.session} if self.session else {}
        await self.socket.send_json({"id": number, "method": method, "params": parameters, **to})
        async with asyncio.timeout(30):
            return await self._waiting[number]

    async def listen(self) -> None:
        """Read what the browser says, until it ends."""
        async for message in self.socket:
            said = message.json()
            if "id" in said:
                waiting = self._waiting.pop(said["id"])
                if "error" in said:
                    waiting.set_exception(RuntimeError(said["error"]["message"]))
                else:
                    waiting.set_result(said["result"])
            else:
                self._happened(said.get("method"), said.get("params", {}))

    def _happened(self, event: str, facts: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self.loaded.set()
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(facts["exceptionDetails"].get("text")))
        elif event == "Runtime.consoleAPICalled" and facts["type"] in {"error", "warning", "assert"}:
            self.complaints.append(str(facts["args"]))
        elif event == "Log.entryAdded":
            self.complaints.append(facts["entry"]["text"])
        elif event == "Network.requestWillBeSent" and facts.get("type") != "Document":
            self.requests.append(facts["request"]["url"])

    async def evaluate(self, expression: str) -> Any:
        """The value of a script's expression."""
        answer = await self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def screenshot(self) -> bytes:
        """The whole page as PNG."""
        answer = await self.do("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(answer["data"])


@contextlib.asynccontextmanager
async def opened(url: str, *, dark: bool = False, width: int = 1200) -> AsyncIterator[Page]:
    """A browser with this page, loaded."""
    command = executable()
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            *(command, *FLAGS, f"--user-data-dir={folder}", "about:blank"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "HOME": folder},
        )
        try:
            address = await _address(process)
            async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                target = (await page.do("Target.createTarget", url="about:blank"))["targetId"]
                page.session = (await page.do("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await page.do(f"{domain}.enable")
                scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
                await page.do("Emulation.setEmulatedMedia", features=[scheme])
                size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
                await page.do("Emulation.setDeviceMetricsOverride", **size)
                await page.do("Page.navigate", url=url)
                async with asyncio.timeout(30):
                    await page.loaded.wait()
                yield page
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            # What it still says is read, so that it does not wait for a reader.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.communicate(), 10)
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = []
    async with asyncio.timeout(60):
        async for line in process.stderr:
            said.append(line.decode(errors="replace"))
            if "DevTools listening on " in said[-1]:
                return said[-1].partition("DevTools listening on ")[2].strip()
    raise RuntimeError(f"Chromium did not start: {''.join(said)[-1000:]}")


def save(picture: bytes, name: str) -> None:
    """Keep a screenshot for people to look at, where ``ZENOO_FAST_SCREENSHOTS`` names a folder."""
    folder = os.environ.get("ZENOO_FAST_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / name).write_bytes(picture)
