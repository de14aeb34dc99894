"""Models of the sandbox: fields and defaults recorded from a real Odoo 19."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

Fields = dict[str, dict[str, Any]]
X2MANY = ("one2many", "many2many")
AUTOMATIC = ("id", "display_name", "create_date", "write_date", "create_uid", "write_uid")


@cache
def recorded() -> dict[str, Any]:
    """Everything that was recorded, read once."""
    text = files("zenoo_fast.sandbox").joinpath("data/odoo19.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def models() -> dict[str, dict[str, Any]]:
    """Model name to its name, fields and defaults."""
    found: dict[str, dict[str, Any]] = recorded()["models"]
    return found


def fields_of(model: str) -> Fields:
    """Field definitions of a model that exists."""
    found: Fields = models()[model]["fields"]
    return found
