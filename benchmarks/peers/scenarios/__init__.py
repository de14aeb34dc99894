"""What is measured."""

from __future__ import annotations

from benchmarks.peers.bench import Scenario
from benchmarks.peers.scenarios.bad import bad_rows
from benchmarks.peers.scenarios.client import client_cpu, slow_server
from benchmarks.peers.scenarios.contacts import contacts
from benchmarks.peers.scenarios.create import create, create_with_external_ids
from benchmarks.peers.scenarios.grid import grid
from benchmarks.peers.scenarios.sync import sync
from benchmarks.peers.scenarios.update import update

SCENARIOS = (
    Scenario("create", 20_000, create),
    Scenario("external-ids", 10_000, create_with_external_ids),
    Scenario("grid", 20_000, grid),
    Scenario("update", 10_000, update),
    Scenario("sync", 50_000, sync),
    Scenario("bad", 10_000, bad_rows),
    Scenario("contacts", 52_000, contacts),
    Scenario("cpu", 500_000, client_cpu, odoo=False),
    Scenario("slow", 256_000, slow_server, odoo=False),
)
