"""The plugin: registers the validator ``pydantic``. pydantic itself is imported when the validator is used."""

from __future__ import annotations

from collections.abc import Mapping

from zenoo_fast.plugins import hookimpl


@hookimpl
def register_validators() -> Mapping[str, str]:
    """``pydantic``."""
    return {"pydantic": "zenoo_fast_pydantic.validator:PydanticValidator"}
