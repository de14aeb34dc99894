"""A dataset through two nodes into one server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import ray
from odoo_server import Server, eventually
from ray.cluster_utils import Cluster

from zenoo_fast.engine.report import ImportReport, RejectsError
from zenoo_fast.exceptions import AuthenticationError, ConfigurationError, ZenooError
from zenoo_fast_ray import Login, OdooDatasink, Secret, start_limiter, stop_limiter
from zenoo_fast_ray.actors import NAMESPACE

EXAMPLE = Path(__file__).parents[3] / "examples" / "ray_partners.py"


def partners(count: int, **others: Any) -> list[Mapping[str, Any]]:
    return [{"name": f"Partner {number}", "ref": f"r{number:05}", **others} for number in range(count)]


def written(dataset: Any, sink: OdooDatasink) -> ImportReport:
    dataset.write_datasink(sink)
    assert sink.report is not None
    assert sink.report.adds_up
    return sink.report


def actors() -> list[str]:
    return [one["name"] for one in ray.util.list_named_actors(all_namespaces=True) if one["namespace"] == NAMESPACE]


def test_everything_goes_in_once_and_the_limit_holds(cluster: Cluster, server: Server, tmp_path: Path) -> None:
    server.slow(0.1)
    server.most_at_once()
    records = partners(2400)
    sink = OdooDatasink(
        server.login, "res.partner", idempotent=True, key=["ref"], concurrency=3, chunk_size=50, journals=tmp_path
    )
    report = written(ray.data.from_items(records, override_num_blocks=6), sink)
    assert (report.read, report.created, report.rejected, report.unknown) == (2400, 2400, 0, 0)
    assert (report.tuning["blocks"], report.tuning["attempts"], report.tuning["concurrency"]) == (6, 6, 3)
    assert server.refs() == [one["ref"] for one in records]
    assert {report.ids[row] for row in range(2400)} == set(server.records())
    # Both nodes had a task with several calls at once: three of them is more than either could have alone.
    assert server.most_at_once() == 3
    assert actors() == []
    assert "key" not in repr(sink)

    # The same run once more, as an orchestrator would begin it again: nothing is sent, and the account is the same.
    again = OdooDatasink(
        server.login,
        "res.partner",
        idempotent=True,
        key=["ref"],
        chunk_size=50,
        journals=tmp_path,
        run_id=report.run_id,
    )
    calls = server.calls()
    repeated = written(ray.data.from_items(records, override_num_blocks=6), again)
    assert (repeated.created, repeated.resumed, repeated.requests) == (2400, 2400, 0)
    assert dict(repeated.ids) == dict(report.ids)
    assert server.calls() - calls < 40  # log-ins and questions for fields


def test_rejects_of_all_blocks_are_in_one_file(cluster: Cluster, server: Server, tmp_path: Path) -> None:
    """Of Arrow and pandas blocks; some rejected before they are sent, some by the server."""
    frame = pd.DataFrame(partners(400, color=1))
    bad = {3: "color", 150: "name", 151: "name", 390: "color"}
    for row, field in bad.items():
        frame.loc[row, field] = 2**40 if field == "color" else ""
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    try:
        dataset = ray.data.from_pandas([frame[:100], frame[100:300], frame[300:]])
        sink = OdooDatasink(server.login, "res.partner", concurrency=2, rejects=tmp_path / "rejects.jsonl")
        report = written(dataset, sink)
    finally:
        context.execution_options.preserve_order = False
    assert (report.read, report.created, report.rejected) == (400, 396, 4)
    assert report.rejects_file == tmp_path / "rejects.jsonl"
    lines = [json.loads(line) for line in report.rejects_file.read_text().splitlines()]
    assert [(one["_row"], one["_field"], one["ref"]) for one in lines] == [
        (row, field, f"r{row:05}") for row, field in bad.items()
    ]
    assert [one.row for one in report.rejects] == list(bad)
    with pytest.raises(RejectsError, match="4 of 400 rows rejected"):
        report.raise_for_rejects()
    assert set(report.unknown_rows.ranges()) == set()
    assert [path.name for path in tmp_path.iterdir()] == ["rejects.jsonl"]


def test_records_are_written_and_deleted_through_a_pipeline(cluster: Cluster, server: Server) -> None:
    """Upserts of what a map makes, the write fused with it; then a sync that finds nothing to do, then a delete."""

    def made(batch: dict[str, Any]) -> dict[str, Any]:
        numbers = [int(one) for one in batch["id"]]
        return {
            "id": [f"p.{n}" for n in numbers],
            "name": [f"P {n}" for n in numbers],
            "ref": [f"r{n}" for n in numbers],
        }

    dataset = ray.data.range(300, override_num_blocks=3).map_batches(made)
    for mode, count in (("upsert", "created"), ("upsert", "updated"), ("sync", "unchanged")):
        report = written(dataset, OdooDatasink(server.login, "res.partner", mode=mode, concurrency=2))
        assert (report.read, getattr(report, count)) == (300, 300), mode
        assert server.refs() == sorted(f"r{n}" for n in range(300))
    gone = ray.data.from_items([{".id": record_id} for _, record_id in report.ids], override_num_blocks=2)
    report = written(gone, OdooDatasink(server.login, "res.partner", mode="delete"))
    assert (report.read, report.deleted, server.refs()) == (300, 300, [])


def test_writes_share_a_limiter(cluster: Cluster, server: Server) -> None:
    start_limiter("odoo", 2, lease_seconds=20)
    try:
        with pytest.raises(ConfigurationError, match="already"):
            start_limiter("odoo", 2)
        server.slow(0.05)
        server.most_at_once()
        sinks = [
            OdooDatasink(server.login, "res.partner", idempotent=True, limiter="odoo", chunk_size=20) for _ in range(2)
        ]
        datasets = [ray.data.from_items(partners(300), override_num_blocks=2) for _ in sinks]
        with ThreadPoolExecutor() as pool:
            reports = list(pool.map(written, datasets, sinks))
        assert [one.created for one in reports] == [300, 300]
        assert reports[0].run_id != reports[1].run_id
        assert server.most_at_once() == 2
        assert len(server.refs()) == 600
    finally:
        stop_limiter("odoo")
    eventually(lambda: not actors())
    with pytest.raises(ZenooError, match="there is no Ray actor zenoo-fast-limiter-odoo"):
        ray.data.from_items(partners(1)).write_datasink(sinks[0])


def test_what_cannot_begin_says_why(cluster: Cluster, server: Server, tmp_path: Path) -> None:
    dataset = ray.data.from_items(partners(10), override_num_blocks=2)
    wrong = Login(server.sandbox.url, "sandbox", "admin", api_key=Secret("hush"))
    sink = OdooDatasink(wrong, "res.partner")
    with pytest.raises(AuthenticationError, match="wrong database, login or API key") as caught:
        dataset.write_datasink(sink)
    assert "hush" not in str(caught.value)
    assert sink.report is not None
    assert "wrong database, login or API key" in sink.report.stopped
    assert (sink.report.read, sink.report.not_read, sink.report.adds_up) == (0, True, True)

    unset = OdooDatasink(Login(server.sandbox.url, "sandbox", "admin", api_key_variable="NO_SUCH_KEY"), "res.partner")
    with pytest.raises(ConfigurationError, match="NO_SUCH_KEY is not set in the tasks"):
        dataset.write_datasink(unset)

    with pytest.raises(ConfigurationError, match=r"no\.such\.model"):
        dataset.write_datasink(OdooDatasink(server.login, "no.such.model"))

    plain = OdooDatasink(server.login, "res.partner", journals=tmp_path, run_id="nightly")
    assert written(dataset, plain).created == 10
    with pytest.raises(ConfigurationError, match="run nightly has been here"):
        dataset.write_datasink(OdooDatasink(server.login, "res.partner", journals=tmp_path, run_id="nightly"))
    assert len(server.refs()) == 10

    class Elsewhere(OdooDatasink):
        """As on a node that has another folder under that path."""

        def on_write_start(self, schema: Any = None) -> None:
            super().on_write_start(schema)
            for marker in tmp_path.glob("*.run"):
                marker.unlink()

    with pytest.raises(ConfigurationError, match="journals need one that all nodes share"):
        dataset.write_datasink(Elsewhere(server.login, "res.partner", journals=tmp_path))
    with pytest.raises(ConfigurationError, match="no folder"):
        dataset.write_datasink(
            OdooDatasink(server.login, "res.partner", rejects=tmp_path / "missing" / "rejects.jsonl")
        )
    nowhere = OdooDatasink(server.login, "res.partner", journals=tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        dataset.write_datasink(nowhere)
    assert actors() == []


def test_a_stop_ends_the_whole_write(cluster: Cluster, server: Server) -> None:
    """The first reject stops the block it is in, and with it what the other blocks have not sent."""
    server.slow(0.05)
    records = [dict(one) for one in partners(1200)]
    records[10]["name"] = ""
    sink = OdooDatasink(server.login, "res.partner", on_reject="stop", concurrency=2, chunk_size=10, lease_seconds=2)
    with pytest.raises(RejectsError, match="the write was stopped: row 10, name"):
        ray.data.from_items(records, override_num_blocks=4).write_datasink(sink)
    report = sink.report
    assert report is not None
    assert report.adds_up
    assert report.not_read
    assert report.created == len(server.refs()) < 1200


def test_an_empty_dataset_is_written(cluster: Cluster, server: Server) -> None:
    sink = OdooDatasink(server.login, "res.partner")
    nobody = ray.data.from_items(partners(3)).map_batches(lambda table: table.slice(0, 0), batch_format="pyarrow")
    report = written(nobody, sink)
    assert (report.read, report.stopped, report.not_read) == (0, "", False)
    assert actors() == []


def test_the_example_runs(cluster: Cluster, server: Server) -> None:
    sandbox = server.sandbox
    variables = {"URL": sandbox.url, "DATABASE": sandbox.database, "LOGIN": "admin", "API_KEY": sandbox.api_key}
    environment = {**os.environ, "RAY_ADDRESS": cluster.address}
    environment |= {f"ZENOO_FAST_{name}": value for name, value in variables.items()}
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "10000 of 10000 rows are in" in done.stdout
    assert len(server.refs()) == 10_000
