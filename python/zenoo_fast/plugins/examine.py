"""One validator at work: rows in, findings out. The same in the run's own process and in a worker."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from zenoo_fast._core import Chunk, arrow_buffers, dicts
from zenoo_fast.exceptions import ConfigurationError, ZenooError
from zenoo_fast.plugins import manager
from zenoo_fast.plugins.registry import Entry, reason
from zenoo_fast.plugins.validators import Fault, KnowsModel, ValidatorSpec, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

Kinds = Mapping[str, Literal["text", "integer", "float", "boolean"]]


class ValidatorError(ZenooError):
    """A validator failed or broke its contract; the records it looked at were not sent."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records as they are serialised.

    Attributes:
        rows: The records: a chunk, or their JSON joined by commas.
        count: How many.
        fields: Names of the values where the rows are arrays (the ``load`` shape).
        kinds: What the values of a field are, where they are not text.
    """

    rows: Chunk | bytes
    count: int
    fields: Sequence[str] | None
    kinds: Kinds

    def json(self) -> bytes:
        """The records' JSON joined by commas."""
        return self.rows if isinstance(self.rows, bytes) else self.rows.json()

    def dicts(self) -> list[dict[str, Any]]:
        """Each record as a dict of its own."""
        if isinstance(self.rows, bytes):
            return dicts(self.rows, self.count, self.fields)
        return self.rows.dicts()

    def arrow(self) -> pa.RecordBatch:
        """A record batch over the columns that occur."""
        import pyarrow as pa

        types = _types()
        names, arrays = [], []
        if isinstance(self.rows, bytes):
            found = arrow_buffers(self.rows, self.count, self.fields, self.kinds)
        else:
            found = self.rows.arrow_buffers(self.kinds)
        for name, kind, nulls, *parts in found:
            buffers = [None if part is None else pa.py_buffer(part) for part in parts]
            names.append(name)
            # Only texts have offsets.
            buffers = buffers if kind == "text" else [buffers[0], buffers[2]]
            arrays.append(pa.Array.from_buffers(types[kind], self.count, buffers, nulls))
        return pa.RecordBatch.from_arrays(arrays, names)


@functools.cache
def _types() -> Mapping[str, pa.DataType]:
    import pyarrow as pa

    return {"text": pa.utf8(), "integer": pa.int64(), "float": pa.float64(), "boolean": pa.bool_()}


@dataclass(slots=True)
class Findings:
    """What a validator found, checked.

    Attributes:
        faults: Index -> field, code, message.
        changes: Index -> field -> new value.
    """

    faults: dict[int, tuple[str | None, str, str]] = field(default_factory=dict)
    changes: dict[int, dict[str, Any]] = field(default_factory=dict)


class Examiner:
    """A validator, made, under its name.

    Args:
        name: For messages.
        validator: The validator.
        model: Whose records it will look at.

    Raises:
        ConfigurationError: It is no validator, does not take this model, or needs pyarrow, which is not installed.
    """

    def __init__(self, name: str, validator: Any, model: str) -> None:
        self.name = name
        self.validator = validator
        if getattr(validator, "form", None) not in {"dicts", "arrow"}:
            raise ConfigurationError(f'{name}: form is "dicts" or "arrow", not {getattr(validator, "form", None)!r}')
        if not callable(getattr(validator, "validate", None)):
            raise ConfigurationError(f"{name}: a {type(validator).__name__} has no validate")
        if validator.form == "arrow":
            try:
                import pyarrow as pa  # noqa: F401
            except ImportError as error:
                raise ConfigurationError(f"{name} needs pyarrow: pip install 'zenoo-fast[arrow]'") from error

        if isinstance(validator, KnowsModel):
            try:
                validator.begin(model)
            except (Exception, SystemExit) as error:
                raise ConfigurationError(f"{name}: {reason(error)}") from error

    def examine(self, batch: Batch) -> Findings:
        """Let the validator look at records.

        Raises:
            ValidatorError: It raised, or its answer makes no sense.
        """
        try:
            records: Any = batch.dicts() if self.validator.form == "dicts" else batch.arrow()
        except ValueError as error:
            raise ValidatorError(f"{self.name}: the records make no record batch: {error}") from error
        try:
            verdict = self.validator.validate(records)
        except (Exception, SystemExit) as error:
            raise ValidatorError(f"{self.name} failed: {reason(error)}") from error
        if verdict is None:
            return Findings()
        try:
            return self._findings(verdict, records, batch)
        except (Exception, SystemExit) as error:
            raise ValidatorError(f"{self.name} {reason(error)}") from error

    def _findings(self, verdict: object, records: Any, batch: Batch) -> Findings:
        if not isinstance(verdict, Verdict):
            raise ConfigurationError(f"answered a {type(verdict).__name__}, not a Verdict or None")
        findings = Findings()
        for fault in verdict.rejects:
            _add(findings.faults, _checked(fault, batch.count))
        for index, values in _mapping(verdict.changes, "changes").items():
            _check_index(index, batch.count, "changes")
            named = _mapping(values, f"changes of record {index}")
            if not all(isinstance(name, str) for name in named):
                raise ConfigurationError(f"changes {named!r:.60} of record {index}: fields have names")
            findings.changes[index] = dict(named)
        for name, column in _mapping(verdict.columns, "columns").items():
            for index, value in _differences(name, column, records, batch.count):
                findings.changes.setdefault(index, {})[name] = value
        return findings


def _mapping(value: object, what: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"answered {what} that are no mapping but a {type(value).__name__}")
    return value


def _check_index(index: object, count: int, does: str) -> None:
    if type(index) is not int or not 0 <= index < count:
        raise ConfigurationError(f"{does} record {index!r:.20}, and was given {count}, numbered from 0")


def _checked(fault: object, count: int) -> Fault:
    if not isinstance(fault, Fault):
        raise ConfigurationError(f"rejects with a {type(fault).__name__}, not a Fault")
    _check_index(fault.index, count, "rejects")
    texts: list[object] = [fault.message, fault.code, *([] if fault.field is None else [fault.field])]
    if not all(isinstance(text, str) and text for text in texts):
        raise ConfigurationError(f"rejects record {fault.index} without a message, or with one that is no text")
    return fault


def _add(faults: dict[int, tuple[str | None, str, str]], fault: Fault) -> None:
    message = " ".join(fault.message.split())
    known = faults.get(fault.index)
    if known is None:
        faults[fault.index] = (fault.field, fault.code, message)
    else:
        where = f"{fault.field}: " if fault.field and fault.field != known[0] else ""
        faults[fault.index] = (*known[:2], f"{known[2]}; {where}{message}")


def _differences(name: object, column: Any, records: Any, count: int) -> Iterable[tuple[int, Any]]:
    if not isinstance(name, str):
        raise ConfigurationError(f"changes the column {name!r:.20}, which is no field")
    new = column.to_pylist() if hasattr(column, "to_pylist") else list(column)
    if len(new) != count:
        raise ConfigurationError(f"gives {len(new)} values of {name} for {count} records")
    if isinstance(records, list):
        old = [record.get(name) for record in records]
    else:
        old = records.column(name).to_pylist() if name in records.schema.names else [None] * count
    for index, (before, after) in enumerate(zip(old, new, strict=True)):
        if before != after or (type(before) is not type(after) and after is not None):
            yield index, after


@dataclass(frozen=True, slots=True)
class Chosen:
    """A validator as the caller chose it.

    Attributes:
        examiner: It, made in this process.
        spec: How another process makes it: ``module:attr`` and configuration; ``None`` where it cannot.
        reason: Why it cannot.
    """

    examiner: Examiner
    spec: ValidatorSpec | None
    reason: str = ""


def choose(wanted: Any, model: str) -> Chosen:
    """A validator from what a caller gave: a name, ``module:attr``, a `ValidatorSpec`, a class, or a validator.

    Args:
        wanted: What the caller gave.
        model: Whose records it will look at.

    Raises:
        ConfigurationError: There is none of that name, or it cannot be made; with the reason.
    """
    if isinstance(wanted, str):
        wanted = ValidatorSpec(wanted)
    if isinstance(wanted, type):
        entry = Entry("validator", wanted.__name__, "", wanted)
        wanted = ValidatorSpec(wanted.__name__)
    elif isinstance(wanted, ValidatorSpec):
        entry = manager.get("validator", wanted.validator)
    else:
        why = f"the validator {type(wanted).__name__} is an object, which cannot cross into another process"
        examiner = Examiner(f"validator {type(wanted).__name__}", wanted, model)
        return Chosen(examiner, None, f"{why}: give its class or name")
    examiner = Examiner(str(entry), entry.make(**wanted.config), model)
    try:
        json.dumps(dict(wanted.config))
        return Chosen(examiner, ValidatorSpec(entry.spec(), dict(wanted.config)))
    except ConfigurationError as error:
        return Chosen(examiner, None, error.message)
    except (TypeError, ValueError) as error:
        return Chosen(examiner, None, f"{entry}: its configuration has no JSON form: {error}")
