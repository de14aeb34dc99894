"""What a run is to do. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Mode = Literal["create", "upsert", "sync", "update", "delete"]
MODES: tuple[Mode, ...] = ("create", "upsert", "sync", "update", "delete")
OnReject = Literal["continue", "stop"]

MAX_CHUNK_BYTES = 8 << 20
"""Of a call's rows: far under Odoo's 128 MiB, so that records with images still make small calls."""


@dataclass(frozen=True, slots=True)
class Job:
    """One model, one operation, its options.

    Attributes:
        model: Technical model name.
        mode: What becomes of the rows.
        source: The input's name as the user gave it.
        context: Odoo context of the calls.
        mapping: Column -> target, as the user gave it.
        idempotent: Every row gets an external id, so that sending it again does no harm.
        key: Columns that the external id is made of; empty: run id and row number.
        match: Column of a relation -> field of the related model that its cells hold.
        on_reject: Go on, or stop at the first reject.
        limit: Rows at most.
        dry_run: Check everything, send nothing.
        max_chunk_bytes: Bytes of rows a call at most.
    """

    model: str
    mode: Mode
    source: str
    context: Mapping[str, Any] = field(default_factory=dict)
    mapping: Mapping[str, str] = field(default_factory=dict)
    idempotent: bool = False
    key: tuple[str, ...] = ()
    match: Mapping[str, str] = field(default_factory=dict)
    on_reject: OnReject = "continue"
    limit: int | None = None
    dry_run: bool = False
    max_chunk_bytes: int = MAX_CHUNK_BYTES
