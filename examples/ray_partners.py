"""Write a Ray dataset into Odoo, from all nodes of a cluster, with no more calls at once than the server takes.

pip install zenoo-fast-ray
zenoo-fast sandbox                      # or an Odoo of yours; set ZENOO_FAST_URL, _DATABASE, _LOGIN and _API_KEY
python examples/ray_partners.py
"""

from __future__ import annotations

import os
import tempfile

import ray

from zenoo_fast_ray import Login, OdooDatasink


def main() -> None:
    # The tasks read the API key from this variable themselves; here it is sent along, for a cluster that lacks it.
    key = os.environ["ZENOO_FAST_API_KEY"]
    ray.init(runtime_env={"env_vars": {"ZENOO_FAST_API_KEY": key}}, log_to_driver=False)
    login = Login(
        os.environ["ZENOO_FAST_URL"],
        os.environ.get("ZENOO_FAST_DATABASE", "sandbox"),
        os.environ.get("ZENOO_FAST_LOGIN", "admin"),
    )
    dataset = ray.data.range(10_000, override_num_blocks=4).map(
        lambda row: {"name": f"Partner {row['id']}", "ref": f"ray-{row['id']}"}
    )
    with tempfile.TemporaryDirectory() as journals:  # on a real cluster: a folder that all nodes share
        sink = OdooDatasink(
            login, "res.partner", idempotent=True, key=["ref"], journals=journals, rejects="partners.rejects.jsonl"
        )
        dataset.write_datasink(sink)
    report = sink.report
    assert report is not None
    print(f"{report.created + report.unchanged} of {report.read} rows are in, {report.rows_per_second:,.0f} a second")
    report.raise_for_rejects()


if __name__ == "__main__":
    main()
