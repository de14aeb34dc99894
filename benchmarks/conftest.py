"""The results carry what the machine is, and nothing that names it."""

from __future__ import annotations

from typing import Any

from benchmarks.machine import machine_facts


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """As in the results of the other benchmarks."""
    machine_info.clear()
    machine_info.update(machine_facts())
