"""zenoo-fast as a library: `import_records`, or the Batch API's `bulk_update`."""

import csv
import json
import sys
import time

import uvloop
from benchmarks.client_cpu import cpu_seconds, record

from zenoo_fast import BatchManager, ZenooClient, import_records


async def create(client: ZenooClient, options: dict, source: object) -> int:
    report = await import_records(
        client,
        "res.partner",
        source,
        chunk_size=options["chunk_size"],
        concurrency=options["concurrency"],
        workers=options.get("workers", 0),
    )
    report.raise_for_rejects()
    return report


async def update(client: ZenooClient, options: dict) -> None:
    with open(options["file"], newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    for one in records:
        one["id"] = int(one.pop(".id"))
    await BatchManager(client).bulk_update("res.partner", records, context=options.get("context"))


async def main(options: dict) -> None:
    source = options.get("file")
    if options.get("source") == "dicts":
        source = [record(number) for number in range(options["rows"])]
    before = cpu_seconds()
    async with ZenooClient(options["url"]) as client:
        await client.login_with_api_key(options["database"], options["login"], options["api_key"])
        if options["task"] == "update":
            await update(client, options)
            return
        began = time.perf_counter()
        report = await create(client, options, source)
        answer = {"made": len(report.ids), "seconds": report.seconds, "whole": time.perf_counter() - began}
    print(json.dumps({**answer, "cpu": cpu_seconds() - before}))


uvloop.run(main(json.loads(sys.argv[1])))
