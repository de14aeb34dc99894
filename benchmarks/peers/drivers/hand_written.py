"""What a good engineer writes in an afternoon: csv, orjson, aiohttp, uvloop, /jsonrpc, so many calls at once.

It converts nothing and checks nothing but the error key.
"""

import asyncio
import csv
import itertools
import json
import sys
import time

import aiohttp
import orjson
import uvloop
from benchmarks.client_cpu import cpu_seconds, record


async def main(options: dict, records: list[dict] | None) -> dict:
    url = f"{options['url']}/jsonrpc"
    headers = {"Content-Type": "application/json", "X-Odoo-Database": options["database"]}
    limit = asyncio.Semaphore(options["concurrency"])
    made = 0

    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(150)) as session:

        async def call(service: str, method: str, args: list):
            params = {"service": service, "method": method, "args": args}
            body = orjson.dumps({"jsonrpc": "2.0", "method": "call", "params": params, "id": 1})
            async with session.post(url, data=body) as answer:
                reply = orjson.loads(await answer.read())
            if "error" in reply:
                raise RuntimeError(reply["error"]["data"]["message"])
            return reply["result"]

        database, password = options["database"], options["password"]
        uid = await call("common", "login", [database, options["login"], password])

        async def create(chunk: list[dict]) -> None:
            nonlocal made
            kwargs = {"context": {"tracking_disable": True}}
            try:
                args = [database, uid, password, "res.partner", "create", [chunk], kwargs]
                ids = await call("object", "execute_kw", args)
                made += len(ids)
            finally:
                limit.release()

        async def send_all(source) -> None:
            async with asyncio.TaskGroup() as tasks:
                while chunk := list(itertools.islice(source, options["chunk_size"])):
                    await limit.acquire()
                    tasks.create_task(create(chunk))

        began = time.perf_counter()
        if records is not None:
            await send_all(iter(records))
        else:
            with open(options["file"], newline="", encoding="utf-8") as file:
                await send_all(csv.DictReader(file))
    return {"made": made, "seconds": time.perf_counter() - began}


options = json.loads(sys.argv[1])
records = [record(number) for number in range(options["rows"])] if options.get("source") == "dicts" else None
before = cpu_seconds()
answer = uvloop.run(main(options, records))
print(json.dumps({**answer, "cpu": cpu_seconds() - before}))
