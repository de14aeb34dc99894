"""``zenoo-fast sandbox``."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal

import click

from zenoo_fast import loops
from zenoo_fast.exceptions import ConfigurationError


@click.command("sandbox")
@click.option("--port", type=click.IntRange(0, 65535), default=8069, show_default=True, help="0: any free one.")
@click.option("--path", default=":memory:", help="File that keeps the records; without, they are gone at the end.")
@click.option("--discard", is_flag=True, help="Store nothing and answer at once: what a client can do by itself.")
def command(port: int, path: str, *, discard: bool) -> int:
    """Serve a small Odoo-compatible server on 127.0.0.1 until Ctrl-C.

    It has partners and a handful of other models with real field definitions, /json/2 and /jsonrpc, one transaction a
    call and Odoo's errors. It is for trying things out, for demonstrations and for measurements.
    """
    try:
        loops.run(_serve(port, path, discard=discard))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise ConfigurationError(f"port {port} is taken: stop what listens there, or give --port") from error
    return 0


async def _serve(port: int, path: str, *, discard: bool) -> None:
    from zenoo_fast.sandbox import Sandbox

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows: KeyboardInterrupt ends it
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
    async with Sandbox(port=port, path=path, discard=discard) as sandbox:
        click.echo(f"Sandbox at {sandbox.url}{' (discarding what it is sent)' if discard else ''}. To use it:")
        click.echo(
            f"  export ZENOO_FAST_URL={sandbox.url} ZENOO_FAST_DATABASE={sandbox.database} "
            f"ZENOO_FAST_LOGIN={sandbox.login}\n"
            f"  export ZENOO_FAST_PASSWORD={sandbox.password}      # jsonrpc\n"
            f"  export ZENOO_FAST_API_KEY={sandbox.api_key}      # json2\n"
            "Ctrl-C stops it."
        )
        await ended.wait()
