"""A transport for worker pools: answers what it was asked, from within the worker's process."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from zenoo_fast.engine.outcome import Outcome, OutcomeKind
from zenoo_fast.transports.base import Call, Connection, Rows


class EchoTransport:
    """`fail` makes it refuse to be made; the method ``wait`` answers after the seconds it is given."""

    def __init__(self, connection: Connection, *, fail: str = "") -> None:
        if fail:
            raise ValueError(fail)
        self.connection = connection

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def call(self, call: Call, /) -> Outcome:
        if call.method == "wait":
            await asyncio.sleep(call.arguments["seconds"])
        if call.method == "end":
            os._exit(3)
        if call.method == "break":
            raise RuntimeError("a broken transport")
        arguments: dict[str, Any] = {
            name: value.values() if isinstance(value, Rows) else value for name, value in call.arguments.items()
        }
        loop = type(asyncio.get_running_loop()).__module__
        main = getattr(sys.modules["__main__"], "__file__", None)
        secret = self.connection.secret
        facts = {"pid": os.getpid(), "loop": loop, "main": main, "secret": secret, "arguments": arguments}
        return Outcome(OutcomeKind.COMMITTED, result=facts)
