"""Partners as rows of a file, and what the database holds once they are in."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

HEADER = ["name", "email", "phone", "street", "city"]


def values(prefix: str, number: int, mark: str = "") -> list[str]:
    """One partner's values; another mark makes all but the name and the city differ."""
    return [
        f"{prefix}{number:07d}",
        f"{mark}p{number}@example.com",
        f"+1 555 {number:07d}{mark}",
        f"{number} Long Street{mark}",
        "Springfield",
    ]


def write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    """A plain UTF-8 CSV file."""
    with file.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows(rows)
    return file


def digest(rows: Iterable[Sequence[str]]) -> str:
    """The same over rows as `Server.digest` over what the database holds."""
    text = "\n".join(sorted("|".join(row) for row in rows))
    return hashlib.md5(text.encode()).hexdigest()


def module_of(prefix: str) -> str:
    """The module of their external ids."""
    return prefix.strip("-").replace("-", "_")


def external_id(prefix: str, number: int) -> str:
    """Of a partner of `values`."""
    return f"{module_of(prefix)}.p{number}"
