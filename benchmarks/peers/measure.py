"""Whole processes, timed in turn; what a run left on the server is checked before its time counts."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TIMEOUT = 1200.0
"""Seconds after which a run is given up."""


@dataclass(frozen=True)
class Command:
    """A program to run.

    Attributes:
        arguments: It and its arguments.
        environment: What the environment gains.
        exit_codes: What a good run exits with.
    """

    arguments: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    exit_codes: tuple[int, ...] = (0,)


@dataclass
class Measured:
    """One run.

    Attributes:
        rows: Input rows.
        seconds: Of the whole process, the interpreter's start included.
        cpu_seconds: Of the process and its children.
        answer: The JSON object on the last line of its output, where it prints one.
        problem: What was wrong with it, in one line; its time does not count then.
    """

    rows: int
    seconds: float
    cpu_seconds: float
    answer: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


def execute(command: Command, rows: int, folder: Path) -> Measured:
    """Run a program to its end, in `folder`."""
    before, started = os.times(), time.perf_counter()
    try:
        done = subprocess.run(
            command.arguments,
            env={**os.environ, **command.environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Measured(rows, TIMEOUT, 0.0, problem=f"not done within {TIMEOUT:.0f} s")
    seconds, after = time.perf_counter() - started, os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    problem = ""
    if done.returncode not in command.exit_codes:
        said = " ".join((done.stderr.strip() or done.stdout.strip())[-300:].split())
        problem = f"exits with {done.returncode}: {said}"
    return Measured(rows, seconds, cpu, _answer(done.stdout), problem)


def _answer(output: str) -> dict[str, Any]:
    lines = output.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Entry:
    """One contender in a comparison.

    Attributes:
        name: As the tables show it.
        run: Puts the server in its state, runs the contender once, and checks what it left there.
    """

    name: str
    run: Callable[[], Measured]


class Runs:
    """The runs of each contender of one comparison, by name, in the order of the rounds."""

    def __init__(self, names: Sequence[str]) -> None:
        self.of: dict[str, list[Measured]] = {name: [] for name in names}

    @staticmethod
    def by_rate(one: Measured) -> float:
        """Rows a second."""
        return one.rate

    def ratio(
        self, name: str, other: str, of: Callable[[Measured], float] = by_rate
    ) -> tuple[float | None, list[float]]:
        """Median of the rounds' own ratios, and these ratios; ``None`` where no round has both.

        Args:
            name: Above the line.
            other: Below the line.
            of: What is compared; rows a second without.
        """
        pairs = zip(self.of[name], self.of[other], strict=False)
        ratios = [of(one) / of(two) for one, two in pairs if not one.problem and not two.problem and of(two)]
        return (statistics.median(ratios) if ratios else None), ratios

    def problems(self) -> list[str]:
        """What went wrong, one line a run."""
        return [
            f"{name}, round {number}: {one.problem}"
            for name, runs in self.of.items()
            for number, one in enumerate(runs, 1)
            if one.problem
        ]

    def raw(self) -> dict[str, list[dict[str, Any]]]:
        """Plain data, for the results file."""
        return {
            name: [
                {"rows": one.rows, "seconds": round(one.seconds, 3), "cpu_seconds": round(one.cpu_seconds, 3)}
                | ({"problem": one.problem} if one.problem else {})
                for one in runs
            ]
            for name, runs in self.of.items()
        }


def take_turns(title: str, entries: Sequence[Entry], rounds: int) -> Runs:
    """A B C, B C A, …: a machine that drifts drifts for all of them, and none always goes first."""
    runs = Runs([one.name for one in entries])
    for number in range(1, rounds + 1):
        first = (number - 1) % len(entries)
        for entry in (*entries[first:], *entries[:first]):
            try:
                measured = entry.run()
            except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
                measured = Measured(0, float("inf"), 0.0, problem=f"{type(error).__name__}: {error}")
            runs.of[entry.name].append(measured)
            told = f"  {measured.problem}" if measured.problem else ""
            say(f"{title}  {number}/{rounds}  {entry.name:34} {measured.rate:9,.0f} rows/s{told}")
    return runs


@contextlib.contextmanager
def core(number: int) -> Iterator[None]:
    """What is started within stays on one core of the machine, where it has several."""
    allowed = os.sched_getaffinity(0)
    if len(allowed) > 1:
        os.sched_setaffinity(0, {sorted(allowed)[number % len(allowed)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def say(line: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)
