from __future__ import annotations

import pytest
from memory_odoo import MemoryOdoo

from zenoo_fast.batch import BatchManager


@pytest.fixture
def odoo() -> MemoryOdoo:
    return MemoryOdoo()


@pytest.fixture
def manager(odoo: MemoryOdoo) -> BatchManager:
    return BatchManager(odoo)
