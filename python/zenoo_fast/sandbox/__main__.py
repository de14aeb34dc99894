"""`python -m zenoo_fast.sandbox`: serve until SIGTERM; one line of JSON on standard output tells how to reach it."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal

from zenoo_fast import loops
from zenoo_fast.sandbox.server import Sandbox


async def _serve(options: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with Sandbox(
        port=options.port, discard=options.discard, keep_alive=options.keep_alive, path=options.path
    ) as sandbox:
        names = ("url", "database", "login", "password", "api_key")
        print(json.dumps({name: getattr(sandbox, name) for name in names}), flush=True)  # noqa: T201
        await ended.wait()


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m zenoo_fast.sandbox")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--path", default=":memory:")
    parser.add_argument("--discard", action="store_true")
    parser.add_argument("--keep-alive", action="store_true")
    loops.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
