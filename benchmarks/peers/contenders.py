"""Each tool as the command line that a user would write."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import environment
from benchmarks.peers.measure import Command
from benchmarks.peers.server import Server

ROOT = Path(__file__).parents[2]
DRIVERS = Path(__file__).parent / "drivers"


def zenoo_fast(server: Server, file: Path, *options: str, exit_codes: tuple[int, ...] = (0,)) -> Command:
    """``zenoo-fast import`` of this file into partners; its journal and all else as by default."""
    program = str(Path(sys.executable).with_name("zenoo-fast"))
    rejects = str(file.with_name(f"rejects-{time.monotonic_ns()}.csv"))
    arguments = [program, "import", str(file), "--model", "res.partner", "--quiet", "--json", "--rejects", rejects]
    settings = {
        "ZENOO_FAST_URL": server.url,
        "ZENOO_FAST_DATABASE": server.database,
        "ZENOO_FAST_LOGIN": server.login,
        "ZENOO_FAST_API_KEY": server.api_key,
    }
    return Command([*arguments, *options], settings, exit_codes)


def driver(server: Server, script: str, peer: str | None, **options: Any) -> Command:
    """A script under ``drivers/``.

    Args:
        server: Where to.
        script: Its name.
        peer: In whose environment; ``None``: this one.
        options: What it is told beyond the server.
    """
    settings = {
        "url": server.url,
        "host": server.host,
        "port": server.port,
        "database": server.database,
        "login": server.login,
        "password": server.password,
        "api_key": server.api_key,
        **{name: str(value) if isinstance(value, Path) else value for name, value in options.items()},
    }
    python = sys.executable if peer is None else str(environment(peer) / "bin" / "python")
    return Command([python, str(DRIVERS / script), json.dumps(settings)], {"PYTHONPATH": str(ROOT)})


def fluvo(server: Server, file: Path, *options: str) -> Command:
    """``fluvo import --protocol jsonrpc --worker 2 --size 500``: two connections, ``load`` of 500 rows a call.

    It wants a column ``id``: it has no other way than ``load`` with external ids.
    """
    configuration = file.with_name("fluvo.conf")
    lines = {
        "hostname": server.host,
        "port": server.port,
        "database": server.database,
        "login": server.login,
        "password": server.password,
        "protocol": "jsonrpc",
        "uid": 2,
    }
    configuration.write_text("[Connection]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items()))
    program = str(environment("fluvo") / "bin" / "fluvo")
    fixed = ["--protocol", "jsonrpc", "--worker", "2", "--size", "500", "--sep", ",", "--headless"]
    target = ["--connection-file", str(configuration), "--file", str(file), "--model", "res.partner"]
    return Command([program, "import", *target, *fixed, *options])
