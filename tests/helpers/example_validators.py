"""Validators of both kinds that a worker process can import."""

from __future__ import annotations

from typing import Any, ClassVar

from zenoo_fast.plugins import Fault, Verdict


class Mail:
    """Rejects records whose e-mail address has no @; writes the others small."""

    form: ClassVar[str] = "dicts"

    def __init__(self, field: str = "email") -> None:
        self.field = field

    def validate(self, records: list[dict[str, Any]]) -> Verdict:
        faults, changes = [], {}
        for index, record in enumerate(records):
            mail = record.get(self.field)
            if not mail:
                continue
            if "@" not in mail:
                faults.append(Fault(index, f"{mail!r} has no @", self.field, "mail"))
            elif mail != mail.lower():
                changes[index] = {self.field: mail.lower()}
        return Verdict(faults, changes)


class MailColumns:
    """The same over a whole column."""

    form: ClassVar[str] = "arrow"

    def validate(self, batch: Any) -> Verdict | None:
        import pyarrow.compute as pc

        if "email" not in batch.schema.names:
            return None
        mail = batch.column("email")
        good = pc.fill_null(pc.match_substring(mail, "@"), fill_value=True)
        faults = [
            Fault(index, f"{mail[index].as_py()!r} has no @", "email", "mail")
            for index, one in enumerate(good.to_pylist())
            if not one
        ]
        return Verdict(faults, columns={"email": pc.utf8_lower(mail)})


class Accepts:
    """Nothing to say."""

    form: ClassVar[str] = "dicts"

    def validate(self, records: list[dict[str, Any]]) -> None:
        return None


class AcceptsColumns(Accepts):
    """Nor of columns."""

    form: ClassVar[str] = "arrow"
