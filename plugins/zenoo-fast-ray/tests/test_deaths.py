"""Tasks and nodes that die in the middle: what is in is in once, and what is not known is said."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
from odoo_server import Server, eventually
from ray.cluster_utils import Cluster

from zenoo_fast.engine.report import ImportReport
from zenoo_fast.sandbox import SandboxProcess
from zenoo_fast_ray import Login, OdooDatasink, Secret

ROWS = 1200
CHUNK = 20
RECORDS = [{"name": f"Partner {number}", "ref": f"r{number:05}"} for number in range(ROWS)]


def process(node: Any) -> psutil.Process:
    """A node's raylet, whose children run its tasks."""
    [raylet] = node.all_processes["raylet"]
    return psutil.Process(raylet.process.pid)


def task_of(node: Any) -> psutil.Process | None:
    """The process on a node that is writing."""
    for one in process(node).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "Write" in " ".join(one.cmdline()):
                return one
    return None


@contextlib.contextmanager
def meanwhile(what: Callable[[], None]) -> Iterator[None]:
    """Do it in a thread; its failure is the test's."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            what()
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(90)
    assert not failures


def written(cluster: Cluster, server: Server, kill: Callable[[], None], **options: Any) -> ImportReport:
    """Write two blocks, one a node, and do something when a part of each is in."""
    server.slow(0.2, "load", "create")
    server.most_at_once()
    meeting = tempfile.mkdtemp(dir=server.path.parent)

    def together(batch: dict[str, Any]) -> dict[str, Any]:
        """Runs in the task that writes: blocks are written at once when both are there."""
        Path(meeting, batch["ref"][0]).touch()
        while len(list(Path(meeting).iterdir())) < 2:
            time.sleep(0.02)
        return batch

    def in_the_middle() -> bool:
        refs = server.refs()
        first = sum(one < RECORDS[ROWS // 2]["ref"] for one in refs)
        return min(first, len(refs) - first) >= 3 * CHUNK

    def later() -> None:
        eventually(in_the_middle)
        assert all(task_of(node) for node in cluster.list_all_nodes())
        kill()

    sink = OdooDatasink(server.login, "res.partner", concurrency=3, chunk_size=CHUNK, lease_seconds=2, **options)
    with meanwhile(later):
        dataset = ray.data.from_items(RECORDS, override_num_blocks=2).map_batches(together, batch_size=None)
        dataset.write_datasink(sink)
    report = sink.report
    assert report is not None
    assert report.adds_up
    assert (report.read, report.rejected, report.stopped) == (ROWS, 0, "")
    assert (report.tuning["blocks"], report.tuning["attempts"]) == (2, 3)
    assert server.most_at_once() <= 3
    return report


@pytest.mark.parametrize("journals", [True, False])
def test_a_node_is_killed_and_every_row_is_in_once(
    cluster: Cluster, server: Server, tmp_path: Path, journals: bool
) -> None:
    [node] = cluster.worker_nodes
    workers: list[psutil.Process] = []

    def kill() -> None:
        workers.extend(process(node).children(recursive=True))
        cluster.remove_node(node, allow_graceful=False)

    options = {"journals": tmp_path} if journals else {}
    report = written(cluster, server, kill, idempotent=True, key=["ref"], **options)
    assert workers
    assert not psutil.wait_procs(workers, timeout=15)[1]
    eventually(lambda: len([one for one in ray.nodes() if one["Alive"]]) == 1)
    assert server.refs() == [one["ref"] for one in RECORDS]
    assert report.unknown == 0
    assert {report.ids[row] for row in range(ROWS)} == set(server.records())
    if journals:
        assert report.resumed >= 3 * CHUNK
        assert report.created == ROWS
    else:
        # Nobody remembers which of them the attempt that was cut off had made.
        assert report.unchanged >= 3 * CHUNK
        assert report.created + report.unchanged == ROWS


def kill_a_task(cluster: Cluster) -> Callable[[], None]:
    def kill() -> None:
        found = task_of(cluster.head_node)
        assert found is not None
        found.kill()

    return kill


def test_external_ids_of_blocks_are_the_same_the_second_time(cluster: Cluster, server: Server) -> None:
    report = written(cluster, server, kill_a_task(cluster), idempotent=True)
    assert server.refs() == [one["ref"] for one in RECORDS]
    assert report.unchanged >= 3 * CHUNK
    assert report.created + report.unchanged == ROWS


def test_a_plain_create_is_not_repeated(cluster: Cluster, server: Server) -> None:
    """Without a journal nobody knows what the dead task had sent: its whole block is unknown, and is left alone."""
    report = written(cluster, server, kill_a_task(cluster))
    assert (report.created, report.unknown) == (ROWS // 2, ROWS // 2)
    assert "cut off, and there is no journal" in report.unknown_reason
    [unknown] = report.unknown_rows.ranges()
    assert unknown in {(0, ROWS // 2), (ROWS // 2, ROWS)}
    records = server.records()
    refs = sorted(records.values())
    assert len(refs) == len(set(refs))
    assert ROWS // 2 + 3 * CHUNK <= len(refs) < ROWS
    assert {report.ids[row] for row in range(ROWS) if row in report.ids} < set(records)
    assert len(report.ids) == ROWS // 2


def test_a_plain_create_with_a_journal_goes_on_where_it_was_cut_off(
    cluster: Cluster, server: Server, tmp_path: Path
) -> None:
    report = written(cluster, server, kill_a_task(cluster), journals=tmp_path)
    assert report.resumed >= 3 * CHUNK
    # What was in flight or noted to be is unknown; whether it is in is for a look at the server.
    assert report.unknown <= (3 + 16) * CHUNK
    assert report.created == ROWS - report.unknown
    records = server.records()
    refs = sorted(records.values())
    assert len(refs) == len(set(refs))
    assert report.created <= len(refs) <= ROWS
    assert {report.ids[row] for row in range(ROWS) if row in report.ids} <= set(records)
    assert len(report.ids) == report.created


@pytest.mark.parametrize("journals", [True, False])
def test_a_pipeline_that_fails_leaves_a_report(
    cluster: Cluster, server: Server, tmp_path: Path, journals: bool
) -> None:
    """One block's rows cannot be made while another is being written."""

    first, enough, path = RECORDS[0]["ref"], 3 * CHUNK, str(server.path)

    def broken(batch: dict[str, Any]) -> dict[str, Any]:
        if batch["ref"][0] != first:
            # In a task: nothing of this module is there.
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as records:
                while records.execute("SELECT count(*) FROM res_partner").fetchone()[0] < enough + 10:
                    time.sleep(0.05)
            raise ValueError("these rows cannot be made")
        batch["name"][7] = ""
        return batch

    server.slow(0.2, "load", "create")
    options: dict[str, Any] = {"journals": tmp_path} if journals else {}
    sink = OdooDatasink(
        server.login,
        "res.partner",
        concurrency=2,
        chunk_size=CHUNK,
        lease_seconds=2,
        rejects=tmp_path / "rejects.jsonl",
        **options,
    )
    dataset = ray.data.from_items(RECORDS, override_num_blocks=2).map_batches(broken, batch_size=None)
    with pytest.raises(ray.exceptions.RayTaskError, match="these rows cannot be made"):
        dataset.write_datasink(sink)
    report = sink.report
    assert report is not None
    assert report.adds_up
    assert report.not_read
    assert report.stopped == "ValueError: these rows cannot be made"
    rows = len(server.refs())
    if journals:
        assert report.created >= 3 * CHUNK
        assert report.unknown <= 2 * CHUNK
        assert report.rejected == 1
        assert "Partner" not in (tmp_path / "rejects.jsonl").read_text()
    assert report.created <= rows <= report.created + report.unknown


def test_a_task_that_begins_while_the_server_is_away_waits_for_it(cluster: Cluster, server: Server) -> None:
    """It comes back on the same address; a password is the same, its API keys are not."""
    meeting = Path(tempfile.mkdtemp(dir=server.path.parent))
    first, half, path = RECORDS[0]["ref"], ROWS // 2, str(server.path)

    def between(batch: dict[str, Any]) -> dict[str, Any]:
        """When the first block is in and before the second is written the server goes."""
        if batch["ref"][0] != first:
            # In a task: nothing of this module is there.
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as records:
                asked = "SELECT count(*) FROM res_partner WHERE json_extract(data, '$.ref') IS NOT NULL"
                while records.execute(asked).fetchone()[0] < half:
                    time.sleep(0.05)
            (meeting / "go").touch()
            while not (meeting / "gone").exists():
                time.sleep(0.02)
        return batch

    again: list[SandboxProcess] = []

    def restart() -> None:
        eventually((meeting / "go").exists)
        server.sandbox.stop()
        (meeting / "gone").touch()
        time.sleep(1.5)
        port = int(server.sandbox.url.rpartition(":")[2])
        again.append(SandboxProcess(port=port, path=str(server.path)).__enter__())

    login = Login(server.sandbox.url, server.sandbox.database, "admin", password=Secret("admin"))
    sink = OdooDatasink(login, "res.partner", chunk_size=100)
    try:
        with meanwhile(restart):
            dataset = ray.data.from_items(RECORDS, override_num_blocks=2).map_batches(between, batch_size=None)
            dataset.write_datasink(sink)
        report = sink.report
        assert report is not None
        assert (report.created, report.tuning["attempts"]) == (ROWS, 2)
        assert server.refs() == [one["ref"] for one in RECORDS]
    finally:
        for one in again:
            one.stop()
