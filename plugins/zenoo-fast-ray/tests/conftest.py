"""A real Ray cluster of two nodes in processes of its own, on the loopback interface, and a sandbox to write to."""

# ruff: noqa: E402 - Ray reads its environment when it is imported

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator

import psutil
import pytest

# No reports to anybody, loopback only (whatever the name says), and a folder that is removed.
FOLDER = tempfile.mkdtemp(prefix="zf")
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_TMPDIR": FOLDER,
    "RAY_TQDM": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}

import ray
from odoo_server import Server
from ray.cluster_utils import Cluster

from zenoo_fast.sandbox import SandboxProcess

pytest_plugins = ["zenoo_fast.testing"]

NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "node_ip_address": "127.0.0.1", "include_dashboard": False}


@pytest.fixture(scope="session")
def started() -> Iterator[Cluster]:
    """The cluster; its processes are gone afterwards."""
    # A node that is gone is found out in seconds.
    checks = {"health_check_period_ms": 1000, "health_check_failure_threshold": 3}
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "_system_config": checks})
    cluster.add_node(**NODE)
    ray.init(address=cluster.address, logging_level=logging.ERROR, log_to_driver=False)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    yield cluster
    ours = psutil.Process().children(recursive=True)
    ray.shutdown()
    cluster.shutdown()
    _, alive = psutil.wait_procs(ours, timeout=15)
    assert not alive


@pytest.fixture
def cluster(started: Cluster) -> Cluster:
    """The cluster, with two nodes: one that a test has killed is replaced."""
    if len(started.list_all_nodes()) < 2:
        started.add_node(**NODE)
    return started


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("sandbox") / "records"
    with SandboxProcess(path=str(path)) as sandbox:
        yield Server(sandbox, path)
