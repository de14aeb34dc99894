"""Create, update and delete partners in bulk, with progress and with one bad record.

zenoo-fast sandbox                      # in another terminal, or set ZENOO_FAST_URL … to your server
python examples/bulk_partners.py
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from zenoo_fast.batch import BatchExecutionError
from zenoo_fast.client import ZenooClient


def progress(state: dict[str, Any]) -> None:
    print(f"  {state['percentage']:5.1f} %  {state['records_completed']} of {state['records_total']} records")


async def main() -> None:
    async with ZenooClient(os.environ.get("ZENOO_FAST_URL", "http://127.0.0.1:8069")) as client:
        await client.login(
            os.environ.get("ZENOO_FAST_DATABASE", "sandbox"),
            os.environ.get("ZENOO_FAST_LOGIN", "admin"),
            os.environ.get("ZENOO_FAST_PASSWORD", "admin"),
        )
        manager = await client.setup_batch_manager(max_chunk_size=100, max_concurrency=4)

        partners = [{"name": f"Example {n}", "email": f"example{n}@example.com"} for n in range(500)]
        partners[123]["no_such_field"] = "this one cannot go in"
        try:
            ids = await manager.bulk_create("res.partner", partners, context={"tracking_disable": True})
        except BatchExecutionError as error:
            ids = [record_id for record_id in error.partial_results["ids"] if record_id]
            print(f"{error.partial_results['created']} created, {error.partial_results['failed']} failed:")
            for reject in error.failed_operations:
                print(f"  record {reject.row}: {reject.message}")

        await manager.bulk_update("res.partner", [{"id": i, "ref": f"EX-{i}"} for i in ids])
        async with manager.batch(progress) as batch:
            await batch.delete("res.partner", ids)
        print(batch.get_stats())


if __name__ == "__main__":
    asyncio.run(main())
