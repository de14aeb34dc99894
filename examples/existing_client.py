"""Batches through a client object of one's own: anything with ``execute_kw``, here the standard library's XML-RPC.

zenoo-fast sandbox                      # in another terminal; export what it prints
python examples/existing_client.py
"""

from __future__ import annotations

import asyncio
import os
import xmlrpc.client
from typing import Any

from zenoo_fast.batch import BatchManager


class XmlRpcClient:
    """Four lines around ``xmlrpc.client``; its calls are synchronous, which is fine."""

    def __init__(self, url: str, database: str, login: str, password: str) -> None:
        self._who = (
            database,
            xmlrpc.client.ServerProxy(f"{url}/xmlrpc/2/common").authenticate(database, login, password, {}),
            password,
        )
        self._object = xmlrpc.client.ServerProxy(f"{url}/xmlrpc/2/object")

    def execute_kw(self, model: str, method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        return self._object.execute_kw(*self._who, model, method, args, kwargs)


async def main() -> None:
    client = XmlRpcClient(
        os.environ["ZENOO_FAST_URL"],
        os.environ["ZENOO_FAST_DATABASE"],
        os.environ["ZENOO_FAST_LOGIN"],
        os.environ["ZENOO_FAST_PASSWORD"],
    )
    manager = BatchManager(client, max_chunk_size=100)
    ids = await manager.bulk_create("res.partner", [{"name": f"Example {n}"} for n in range(250)])
    print(f"created {len(ids)}: {ids[0]} … {ids[-1]}")
    await manager.bulk_delete("res.partner", ids)


if __name__ == "__main__":
    asyncio.run(main())
