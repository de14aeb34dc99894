"""A transaction that undoes what it did.

zenoo-fast sandbox                      # in another terminal, or set ZENOO_FAST_URL … to your server
python examples/transaction.py
"""

from __future__ import annotations

import asyncio
import os

from zenoo_fast.client import ZenooClient


async def main() -> None:
    async with ZenooClient(os.environ.get("ZENOO_FAST_URL", "http://127.0.0.1:8069")) as client:
        await client.login(
            os.environ.get("ZENOO_FAST_DATABASE", "sandbox"),
            os.environ.get("ZENOO_FAST_LOGIN", "admin"),
            os.environ.get("ZENOO_FAST_PASSWORD", "admin"),
        )
        await client.setup_transaction_manager()
        manager = await client.setup_batch_manager()
        ids = await manager.bulk_create("res.partner", [{"name": "Before"}, {"name": "Deleted"}])
        try:
            async with client.transaction() as tx:
                await manager.bulk_create("res.partner", [{"name": f"New {n}"} for n in range(10)])
                await client.write("res.partner", [ids[0]], {"name": "After"})
                await manager.bulk_delete("res.partner", [ids[1]])
                raise RuntimeError("something went wrong")
        except RuntimeError as error:
            print(f"undone: {error}")
            print(f"new ids of what was deleted: {tx.recreated_ids}")
        kept = [ids[0], *tx.recreated_ids["res.partner"].values()]
        print([record["name"] for record in await client.read("res.partner", kept, ["name"])])
        await manager.bulk_delete("res.partner", kept)


if __name__ == "__main__":
    asyncio.run(main())
