"""zenoo-rpc 0.2.4 as its documentation uses it: one ``bulk_create`` or ``bulk_update``, defaults."""

import asyncio
import csv
import json
import sys

from benchmarks.client_cpu import cpu_seconds, record
from zenoo_rpc import ZenooClient
from zenoo_rpc.batch.manager import BatchManager


async def main(options: dict) -> None:
    if options.get("source") == "dicts":
        records = [record(number) for number in range(options["rows"])]
    else:
        with open(options["file"], newline="", encoding="utf-8") as file:
            records = list(csv.DictReader(file))
    before, made = cpu_seconds(), []
    async with ZenooClient(options["host"], port=options["port"], protocol="http") as client:
        await client.login(options["database"], options["login"], options["password"])
        manager = BatchManager(client=client)
        if options["task"] == "create":
            made = await manager.bulk_create("res.partner", records, chunk_size=options.get("chunk_size"))
        else:
            for one in records:
                one["id"] = int(one.pop(".id"))
            await manager.bulk_update("res.partner", records)
    print(json.dumps({"made": len(made), "cpu": cpu_seconds() - before}))


asyncio.run(main(json.loads(sys.argv[1])))
