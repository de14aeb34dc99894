"""The reject file: every record that could not go in, with the reason, ready to be mended and imported again."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from zenoo_fast.engine.outcome import Reject
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.sources.columns import REASON_COLUMNS


class RejectFile:
    """Appends rejects as they happen; the file is made with the first one.

    Another run's file is never overwritten: where the path is taken, a number is added (``x.2.csv``).

    Args:
        path: Where to write. CSV for inputs with columns, one JSON object a line for mappings.
        columns: The input's columns; ``None`` for mappings.
        delimiter: Between CSV cells, the input's own.
        resume_at: It is this run's own file: append after so many bytes; what lies behind them was written by an
            attempt that did not live to note it, and will come again.

    Raises:
        ConfigurationError: There is no such folder: said before the run, not with the first reject.

    Attributes:
        path: Where it is written to.
        length: Bytes written so far, those of earlier attempts included.
        written: Rejects written so far, by this attempt.

    Raises:
        ConfigurationError: There is no such folder.
    """

    def __init__(
        self, path: str | Path, columns: Sequence[str] | None, delimiter: str = ",", *, resume_at: int | None = None
    ) -> None:
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise ConfigurationError(f"{path}: there is no folder {self.path.parent} to write rejects into")
        self.written = 0
        self._columns = columns
        self._delimiter = delimiter
        self.length = 0
        self._goes_on = resume_at is not None and self.path.exists()
        if resume_at is not None and self._goes_on:
            os.truncate(self.path, resume_at)
            self.length = resume_at
        self._file: io.BufferedWriter | None = None
        self._failure: OSError | None = None

    def write(self, rejects: Iterable[Reject]) -> None:
        """Append rejects.

        Raises:
            OSError: The file cannot be written.
        """
        # Half of a surrogate pair, which has no UTF-8, becomes its escape: in JSON it stays what it is.
        data = "".join(self._line(one) for one in rejects).encode(errors="backslashreplace")
        if data:
            try:
                self._open().write(data)
            except OSError as error:
                # Some of it may be in the file, and what is asked to be durable later on must not seem so.
                self._failure = error
                raise
            self.length += len(data)

    def sync(self) -> None:
        """Make what was written durable.

        Raises:
            OSError: The file cannot be written.
        """
        try:
            if self._failure is not None:
                raise self._failure
            if self._file is not None:
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def close(self) -> None:
        """Make it durable and close it. Idempotent.

        Raises:
            OSError: It cannot be made durable; it is closed all the same.
        """
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.flush()
            os.fsync(file.fileno())
        finally:
            # What could not be written is not tried again: closing would fail in the same way.
            with contextlib.suppress(OSError):
                file.close()

    def _open(self) -> io.BufferedWriter:
        if self._file is None:
            if self._goes_on:
                self._file = self.path.open("ab")
            else:
                self._file = self._create()
                if self._columns is not None:
                    self.length = self._file.write(self._cells([*self._columns, *REASON_COLUMNS]).encode())
        return self._file

    def _create(self) -> io.BufferedWriter:
        wanted = self.path
        for number in range(2, 10_000):
            try:
                return self.path.open("xb")
            except FileExistsError:
                self.path = wanted.with_name(f"{wanted.stem}.{number}{wanted.suffix}")
        raise FileExistsError(f"{wanted}: too many reject files of earlier runs")

    def _line(self, reject: Reject) -> str:
        self.written += 1
        reasons = {"_row": reject.row, "_field": reject.field or "", "_code": reject.code, "_message": reject.message}
        if self._columns is None:
            record: Any = reject.record
            fields = dict(record) if isinstance(record, dict) else {"_record": record}
            return json.dumps({**fields, **reasons}, ensure_ascii=False, default=str) + "\n"
        cells = list(reject.record) if isinstance(reject.record, list) else []
        # A record with too many or too few cells keeps its own; the reasons stay in their columns where they can.
        cells += [""] * (len(self._columns) - len(cells))
        return self._cells([*cells, *map(str, reasons.values())])

    def _cells(self, cells: Sequence[str]) -> str:
        line = io.StringIO()
        csv.writer(line, delimiter=self._delimiter, lineterminator="\n").writerow(cells)
        return line.getvalue()
