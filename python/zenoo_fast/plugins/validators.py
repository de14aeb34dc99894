"""The contract of a validator. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

Form = Literal["dicts", "arrow"]
FAULT_CODE = "validator"
"""The code of a reject for which the validator gave none, and of the rows of a validator that failed."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one record.

    Attributes:
        index: 0-based place of the record among those the validator was given.
        message: One line that says what is wrong and what would be right.
        field: The field at fault, where known.
        code: A stable word for the kind of fault.
    """

    index: int
    message: str
    field: str | None = None
    code: str = FAULT_CODE


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a validator says of the records it was given.

    Attributes:
        rejects: Records that cannot go in; several faults of one record make one reject.
        changes: Index of a record -> field -> new value, for the fields that change. New values are checked against
            the model as the input's are; a bad one makes the record a reject.
        columns: Field -> new values for all records given, in order: a sequence, or an Arrow array. For validators
            that work on whole columns; a value that is the same as before changes nothing.
    """

    rejects: Sequence[Fault] = ()
    changes: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)


class Validator(Protocol):
    """Checks records, some thousand at a time, before they are sent. Runs in a thread or in a worker process.

    Its class is called with the configuration as keywords, once a process. `validate` is called by one thread at a
    time in each process, must depend on nothing but the records it is given (it sees them in no certain order, and the
    same ones again when a process dies), and must not change them.

    Attributes:
        form: ``"dicts"``: `validate` gets a list of dicts; ``"arrow"``: a ``pyarrow.RecordBatch``.
    """

    form: Form

    def validate(self, records: Any, /) -> Verdict | None:
        """Look at records.

        Args:
            records: Field -> value as it will be sent, for each record: a list of dicts, or a record batch.
                Where rows travel through Odoo's ``load`` (upserts, idempotent imports, columns such as
                ``parent_id/id``) every value is text, and fields have the columns' names.

        Returns:
            What is wrong and what changes; ``None`` where nothing is.
        """


@runtime_checkable
class KnowsModel(Protocol):
    """A validator that wants to know which model the records are of."""

    def begin(self, model: str, /) -> None:
        """Called once in each process, before the first records.

        Args:
            model: Technical model name, such as ``"res.partner"``.

        Raises:
            ValueError: It has no rules for that model; the run does not start.
        """


@dataclass(frozen=True, slots=True)
class ValidatorSpec:
    """A validator that can be made in any process.

    Attributes:
        validator: The name it is registered by, or ``module:attr``.
        config: Keywords its class is called with; JSON-serialisable.
    """

    validator: str
    config: Mapping[str, Any] = field(default_factory=dict)
