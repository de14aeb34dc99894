"""New partners: each tool's defaults."""

from __future__ import annotations

from benchmarks.peers.bench import Bench, creates
from benchmarks.peers.contenders import driver, fluvo, zenoo_fast
from benchmarks.peers.measure import take_turns
from benchmarks.peers.results import Section, ratio_bar

OURS = "zenoo-fast"
ZENOO_RPC = "zenoo-rpc bulk_create"
FLUVO = "fluvo import"
HAND = "hand-written, 500 × 2"
CLIENT_LIB = "odoo-client-lib, 500 × 1"


def create(bench: Bench) -> Section:
    """``zenoo-fast import FILE`` beside the others."""
    server, rows = bench.server, bench.rows(20_000)
    entries = [
        creates(bench, OURS, rows, lambda file: zenoo_fast(server, file)),
        creates(
            bench,
            ZENOO_RPC,
            rows,
            lambda file: driver(server, "with_zenoo_rpc.py", "zenoo-rpc", file=file, task="create"),
        ),
        creates(bench, FLUVO, rows, lambda file: fluvo(server, file), ids=True),
        creates(
            bench,
            HAND,
            rows,
            lambda file: driver(server, "hand_written.py", "hand-written", file=file, chunk_size=500, concurrency=2),
        ),
        creates(
            bench,
            CLIENT_LIB,
            rows,
            lambda file: driver(server, "with_odoo_client_lib.py", "odoo-client-lib", file=file, task="create"),
        ),
    ]
    runs = take_turns("create", entries, bench.rounds)
    section = Section(
        "create",
        "Create, defaults",
        """
        A CSV file of new partners (name, email, phone, street, city). zenoo-fast, zenoo-rpc and fluvo as they are
        by default (fluvo with `--protocol jsonrpc --worker 2 --size 500`); the hand-written loop (orjson, aiohttp,
        uvloop) sends 500 rows a call, two calls at a time, and odoo-client-lib one after the other, both without
        tracking. fluvo knows `load` with external ids only, so its file has a column `id` more. zenoo-rpc cannot
        turn tracking off: its `context` argument becomes keyword arguments of the method.
        """,
    )
    section.bars = [
        ratio_bar("Create, defaults: times zenoo-rpc's default", runs, OURS, ZENOO_RPC, 2),
        ratio_bar("Create, defaults: times fluvo's import", runs, OURS, FLUVO, 1),
    ]
    section.add(runs, OURS)
    return section


def create_with_external_ids(bench: Bench) -> Section:
    """The like of fluvo's import: every row has an external id, and a repeated run makes nothing twice."""
    server, rows = bench.server, bench.rows(10_000)
    entries = [
        creates(
            bench,
            "zenoo-fast --mode upsert",
            rows,
            lambda file: zenoo_fast(server, file, "--mode", "upsert"),
            ids=True,
        ),
        creates(bench, FLUVO, rows, lambda file: fluvo(server, file), ids=True),
        creates(
            bench,
            "odoo-client-lib load, 500 × 1",
            rows,
            lambda file: driver(server, "with_odoo_client_lib.py", "odoo-client-lib", file=file, task="load"),
            ids=True,
        ),
    ]
    runs = take_turns("external-ids", entries, bench.rounds)
    section = Section(
        "external-ids",
        "Create with an external id a row",
        "The same file for all, with a column `id`: the like-for-like comparison with fluvo.",
    )
    section.add(runs, "zenoo-fast --mode upsert")
    return section
