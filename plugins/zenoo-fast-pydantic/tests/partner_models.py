"""Models that worker processes import, too."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator


def _digits(value: Any) -> Any:
    return "".join(one for one in value if one.isdigit() or one == "+") if isinstance(value, str) else value


class Type(StrEnum):
    contact = "contact"
    invoice = "invoice"


class Partner(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2)]
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", to_lower=True)] | None = None
    phone: Annotated[str | None, BeforeValidator(_digits)] = None
    color: Annotated[int, Field(ge=0, le=11)] | None = None
    partner_latitude: Decimal | float | None = None
    is_company: bool = False
    type: Type | None = None
    parent: int | None = Field(None, alias="parent_id/.id")

    @model_validator(mode="after")
    def companies_have_no_parent(self) -> Partner:
        if self.is_company and self.parent:
            raise ValueError("a company has no parent")
        return self


class Event(BaseModel):
    day: date | None = None
