"""The Batch API beside the ancestor's way of doing the same, in one run on one server.

    python tests/helpers/with_odoo.py python -m benchmarks.batch_vs_ancestor [--only CASE,…] [--rounds N]
        [--output FILE]
    python -m benchmarks.batch_vs_ancestor --smoke

The server is that of ZENOO_FAST_TEST_ODOO_*; with --smoke a sandbox. The rounds of both ways alternate; the figure is
the median of the pairs' ratios. Three cases:

- ``create_bad_rows``: 1,000 records, 10 of them bad, one in each chunk. The ancestor sends a refused chunk again record
  by record; the goal is 3 times its records/s.
- ``update_own_values``: 2,000 records with different values each. The ancestor sends one ``write`` a record, one after
  the other; the goal is 15 times its records/s. (Of fields that Odoo computes others from, such as a name, a record
  costs the server more, and the two ways differ less.)
- ``create_good_rows``: 1,000 good records, where both do the same.

What was done is read back and checked. Exits with 1 where a goal is missed (not with --smoke).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from benchmarks.machine import machine_facts

from zenoo_fast.batch import BatchExecutionError, BatchManager
from zenoo_fast.client import ZenooClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MODEL = "res.partner"
QUIET = {"tracking_disable": True}
GOALS = {"create_bad_rows": 3.0, "update_own_values": 15.0}
RESULTS = Path(__file__).parent / "batch_vs_ancestor.json"


class Ancestor:
    """What zenoo-rpc 0.2 does, call by call (with the context where Odoo expects it), over its own kind of request.

    Args:
        session: An HTTP session without a database header, as it sends none.
        client: Logged in; whose user and password are used.
        chunk_size: Records a call.
        concurrency: Calls at once.
    """

    def __init__(
        self, session: aiohttp.ClientSession, client: ZenooClient, chunk_size: int = 100, concurrency: int = 5
    ) -> None:
        self.session = session
        self.connection = client.connection
        self.chunk_size = chunk_size
        self.slots = asyncio.Semaphore(concurrency)

    async def bulk_create(self, records: list[dict[str, Any]]) -> list[int]:
        """Chunks at once; a refused one again record by record; ids in the order of the answers."""
        ids: list[int] = []

        async def chunk(part: list[dict[str, Any]]) -> None:
            async with self.slots:
                try:
                    ids.extend(await self._call("create", [part]))
                except Exception:  # noqa: BLE001 - as it does
                    for record in part:
                        try:
                            answer = await self._call("create", [record])
                            ids.extend(answer if isinstance(answer, list) else [answer])
                        except Exception:  # noqa: BLE001 - as it does
                            continue

        await asyncio.gather(*(chunk(part) for part in _parts(records, self.chunk_size)))
        return ids

    async def bulk_update(self, updates: list[dict[str, Any]]) -> None:
        """One ``write`` a record."""
        for update in updates:
            values = dict(update)
            await self._call("write", [[values.pop("id")], values])

    async def _call(self, method: str, args: list[Any]) -> Any:
        who = [self.connection.database, self.connection.uid, self.connection.secret]
        params = {
            "service": "object",
            "method": "execute_kw",
            "args": [*who, MODEL, method, args, {"context": QUIET}],
        }
        body = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 1}
        async with self.session.post(f"{self.connection.url}/jsonrpc", json=body) as answer:
            content = await answer.json()
        if "error" in content:
            raise RuntimeError(content["error"]["data"]["message"])
        return content["result"]


def _parts(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _records(count: int, bad: int, label: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = [{"name": f"{label} {n}", "email": f"{n}@example.com"} for n in range(count)]
    for n in range(bad):
        records[n * (count // bad) + 37]["parent_id"] = 2_000_000_000 + n
    return records


async def _timed(work: Callable[[], Awaitable[Any]]) -> tuple[float, Any]:
    began = time.perf_counter()
    answer = await work()
    return time.perf_counter() - began, answer


async def _create(client: ZenooClient, ancestor: Ancestor, count: int, bad: int) -> tuple[float, float]:
    """Seconds of the ancestor's way and of ours."""
    manager = BatchManager(client)

    async def ours() -> list[int]:
        try:
            return await manager.bulk_create(MODEL, _records(count, bad, "ours"), context=QUIET)
        except BatchExecutionError as error:
            return [record_id for record_id in error.partial_results["ids"] if record_id]

    theirs_seconds, theirs_ids = await _timed(lambda: ancestor.bulk_create(_records(count, bad, "theirs")))
    ours_seconds, ours_ids = await _timed(ours)
    names = [r["name"] for r in await client.execute_kw(MODEL, "read", [ours_ids], {"fields": ["name"]})]
    wanted = [r["name"] for r in _records(count, bad, "ours") if "parent_id" not in r]
    _check(len(theirs_ids) == count - bad and names == wanted, "records created")
    await manager.bulk_delete(MODEL, theirs_ids + ours_ids)
    return theirs_seconds, ours_seconds


async def _update(client: ZenooClient, ancestor: Ancestor, count: int) -> tuple[float, float]:
    manager = BatchManager(client)
    ids = await manager.bulk_create(MODEL, _records(count, 0, "update"), context=QUIET)

    def updates(label: str) -> list[dict[str, Any]]:
        own = ({"ref": f"{label}-{n}", "city": f"{label} {n}", "comment": f"<p>{label} {n}</p>"} for n in range(count))
        return [{"id": record_id, **values} for record_id, values in zip(ids, own, strict=True)]

    theirs_seconds, _ = await _timed(lambda: ancestor.bulk_update(updates("theirs")))
    ours_seconds, _ = await _timed(lambda: manager.bulk_update(MODEL, updates("ours"), context=QUIET))
    found = await client.execute_kw(MODEL, "read", [ids], {"fields": ["ref", "city", "comment"]})
    _check(found == updates("ours"), "records updated")
    await manager.bulk_delete(MODEL, ids)
    return theirs_seconds, ours_seconds


def _check(right: bool, what: str) -> None:
    if not right:
        raise RuntimeError(f"wrong output: {what}")


async def run(server: dict[str, str], only: str, rounds: int, scale: int) -> dict[str, Any]:
    """The cases, both ways in turn; a `scale`-th of the records."""
    cases: dict[str, tuple[int, Callable[[ZenooClient, Ancestor], Awaitable[tuple[float, float]]]]] = {
        "create_good_rows": (1000 // scale, lambda c, a: _create(c, a, 1000 // scale, 0)),
        "create_bad_rows": (1000 // scale, lambda c, a: _create(c, a, 1000 // scale, 10 // scale)),
        "update_own_values": (2000 // scale, lambda c, a: _update(c, a, 2000 // scale)),
    }
    report: dict[str, Any] = {}
    async with ZenooClient(server["url"]) as client, aiohttp.ClientSession() as session:
        await client.login(server["database"], server["login"], server["password"])
        ancestor = Ancestor(session, client)
        for name, (count, case) in cases.items():
            if only and name not in only.split(","):
                continue
            pairs = [await case(client, ancestor) for _ in range(rounds)]
            report[name] = {
                "times_the_ancestor": round(statistics.median(theirs / ours for theirs, ours in pairs), 2),
                "goal": GOALS.get(name),
                "ancestor_records_per_second": round(count / statistics.median(theirs for theirs, _ in pairs)),
                "records_per_second": round(count / statistics.median(ours for _, ours in pairs)),
                "records": count,
                "seconds, the ancestor's and ours": pairs,
            }
            figures = report[name]
            goal = f" (bar {GOALS[name]:.0f})" if name in GOALS else ""
            print(
                f"{name:18} {figures['records_per_second']:6,} records/s, the ancestor's way "
                f"{figures['ancestor_records_per_second']:6,}: {figures['times_the_ancestor']:.1f} times{goal}"
            )
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names of cases, with commas between")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smoke", action="store_true", help="see that it works: few records, no bar, nothing written")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    names = ("url", "database", "login", "password")
    if options.smoke:
        from zenoo_fast.sandbox import SandboxProcess

        with SandboxProcess() as sandbox:
            asyncio.run(run({name: getattr(sandbox, name) for name in names}, options.only, rounds=1, scale=10))
        return 0
    server = {name: os.environ.get(f"ZENOO_FAST_TEST_ODOO_{name.upper()}", "") for name in names}
    if server["url"]:
        results = asyncio.run(run(server, options.only, options.rounds, scale=1))
        written = {"machine": machine_facts(), "rounds": options.rounds, "results": results}
        options.output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
        return int(any(case["goal"] and case["times_the_ancestor"] < case["goal"] for case in results.values()))
    print("no server: set ZENOO_FAST_TEST_ODOO_URL …, or run it by tests/helpers/with_odoo.py", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
