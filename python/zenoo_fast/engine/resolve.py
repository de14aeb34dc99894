"""External ids, looked up in bulk."""

from __future__ import annotations

from collections.abc import Iterable

from zenoo_fast.engine.caller import Caller
from zenoo_fast.transports.base import Call

DEFAULT_MODULE = "__import__"
"""What Odoo's ``load`` takes for an external id without a dot."""


def split_external_id(text: str) -> tuple[str, str]:
    """(module, name) of an external id."""
    module, dot, name = text.partition(".")
    return (module, name) if dot else (DEFAULT_MODULE, text)


async def known_external_ids(caller: Caller, model: str, external_ids: Iterable[str]) -> dict[str, int]:
    """Those that exist for the model -> database id; one call a module.

    Raises:
        RunStopped: The server cannot say.
    """
    by_module: dict[str, dict[str, str]] = {}
    for text in external_ids:
        module, name = split_external_id(text)
        by_module.setdefault(module, {})[name] = text
    found: dict[str, int] = {}
    for module, names in by_module.items():
        domain = [["module", "=", module], ["model", "=", model], ["name", "in", list(names)]]
        call = Call("ir.model.data", "search_read", {"domain": domain, "fields": ["name", "res_id"]})
        for record in await caller.ask(call, f"external ids of {model} cannot be looked up"):
            found[names[record["name"]]] = int(record["res_id"])
    return found
