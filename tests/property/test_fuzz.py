"""Random bytes where servers, files and journals are read: an error of the kind that is documented, or a true answer.

``ZENOO_FAST_FUZZ=N`` tries N examples of each instead of some hundred (``make fuzz``: 20,000).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zenoo_fast._core import CsvSource, Layout, RowSet, Schema
from zenoo_fast.client import ZenooClient
from zenoo_fast.engine.calls import CreateCalls, LoadCalls, Reading, SaveMultiCalls, UnlinkCalls, WriteCalls
from zenoo_fast.engine.chunks import ValueChunk
from zenoo_fast.engine.journal import Journal
from zenoo_fast.engine.journal_file import RunFacts, read
from zenoo_fast.engine.outcome import Outcome, OutcomeKind, RowState, Settled
from zenoo_fast.exceptions import ConfigurationError, ZenooError
from zenoo_fast.transports.base import Call, Connection
from zenoo_fast.transports.json2 import Json2Transport
from zenoo_fast.transports.jsonrpc import JsonRpcTransport, _Reply

EXAMPLES = int(os.environ.get("ZENOO_FAST_FUZZ", "300"))
FUZZ = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
SOME = settings(FUZZ, max_examples=max(20, EXAMPLES // 10))
pytestmark = pytest.mark.timeout(120 + EXAMPLES)

CONNECTION = Connection("http://127.0.0.1:1", "db", "admin", "key", 2)
MODEL = "res.partner"
RECORDED = json.loads(
    (Path(__file__).parents[1] / "unit" / "transports" / "recorded" / "odoo19.json").read_text(encoding="utf-8")
)
ODD = st.sampled_from(
    [None, True, 0, 1, -1, 2**63, 10**400, 1.5, "", "x", "1", [], {}, [1, 2], [1, [2]], {"a": 1}, False, "\ud800"]
)
VALUES = ODD | st.recursive(
    ODD | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
BYTES = st.binary(max_size=200)
CHANCE = st.builds(random.Random, st.binary(min_size=8, max_size=8))


def replaced(value: Any, chance: random.Random, odd: Any) -> Any:
    """The value with one part of it, wherever, turned into something odd."""
    if chance.random() < 0.25 or not isinstance(value, dict | list) or not value:
        return odd
    if isinstance(value, list):
        place: Any = chance.randrange(len(value))
        return [replaced(one, chance, odd) if at == place else one for at, one in enumerate(value)]
    place = chance.choice(list(value))
    if chance.random() < 0.2:
        return {name: one for name, one in value.items() if name != place}
    return {name: replaced(one, chance, odd) if name == place else one for name, one in value.items()}


def damaged(content: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, taken out or put in, or the end cut off."""
    data = bytearray(content)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(data) + 1)
        what = chance.randrange(4)
        if what == 0 and at < len(data):
            data[at] = chance.randrange(256)
        elif what == 1:
            del data[at : at + chance.randrange(20)]
        elif what == 2:
            data[at:at] = chance.choice([b'"', b"\\", b"}", b"[" * 2000, b"\0", b"\xff", b",", b"1e999", b"NaN"])
        else:
            del data[at:]
    return bytes(data)


# ---- answers of servers ---------------------------------------------------------------------------------------------

ANSWERS = [
    (protocol, answer["status"], answer["body"])
    for protocol, cases in RECORDED.items()
    for answer in cases.values()
    if not isinstance(answer["body"], str)
]
ANSWERS += [("json2", 200, [1, 2]), ("json2", 200, {"ids": [1, 2], "messages": []})]
ANSWERS += [("jsonrpc", 200, {"jsonrpc": "2.0", "id": 1, "result": one}) for one in ([1, 2], {"ids": False})]


def parsed(protocol: str, status: int, body: bytes) -> Outcome | None:
    return Json2Transport(CONNECTION).read(status, body, 0.1) if protocol == "json2" else _Reply(1)(status, body, 0.1)


def is_true(outcome: Outcome | None) -> None:
    """An outcome that others can act on; a result that decodes, or says that it does not."""
    if outcome is None:
        return
    assert isinstance(outcome, Outcome)
    if outcome.kind is not OutcomeKind.COMMITTED:
        assert outcome.error is not None
        assert isinstance(outcome.error.name, str)
        assert isinstance(outcome.error.message, str)
        assert isinstance(outcome.error.arguments, tuple)
        return
    try:
        outcome.value()
    except ValueError:
        return


@FUZZ
@given(st.sampled_from(ANSWERS), CHANCE, VALUES, st.sampled_from([200, 200, 500, 429, 503, 0]))
def test_answers_with_odd_parts(answer: tuple[str, int, Any], chance: random.Random, odd: Any, status: int) -> None:
    protocol, _, body = answer
    try:
        content = json.dumps(replaced(body, chance, odd)).encode("utf-8", "surrogatepass")
    except UnicodeEncodeError:
        return
    is_true(parsed(protocol, status, content))


@FUZZ
@given(st.sampled_from(ANSWERS), CHANCE)
def test_answers_with_damaged_bytes(answer: tuple[str, int, Any], chance: random.Random) -> None:
    protocol, status, body = answer
    is_true(parsed(protocol, status, damaged(json.dumps(body).encode(), chance)))


@FUZZ
@given(st.sampled_from(["json2", "jsonrpc"]), st.sampled_from([200, 404, 500]), BYTES)
def test_answers_of_any_bytes(protocol: str, status: int, body: bytes) -> None:
    is_true(parsed(protocol, status, body))


MESSAGE = {"type": "error", "rows": {"from": 1, "to": 1}, "record": 1, "field": "name", "message": "bad"}
RESULTS: list[tuple[Any, Any]] = [
    (CreateCalls(MODEL), [1, 2, 3]),
    (LoadCalls(MODEL), {"ids": [1, 2, 3], "messages": [], "nextrow": 0}),
    (LoadCalls(MODEL), {"ids": False, "messages": [MESSAGE, MESSAGE], "nextrow": 0}),
    (SaveMultiCalls(MODEL), [{"id": 1}, {"id": 2}, {"id": 3}]),
    (WriteCalls(MODEL, {"name": "x"}), True),
    (UnlinkCalls(MODEL), True),
]


@FUZZ
@given(st.sampled_from(RESULTS), CHANCE, VALUES)
def test_results_with_odd_parts(answered: tuple[Any, Any], chance: random.Random, odd: Any) -> None:
    """What is read from a result is true of it, or it is refused as one that makes no sense."""
    chunk = ValueChunk([{"name": str(row)} for row in range(3)], [10, 11, 12], [1, 2, 3])
    calls, result = answered
    value = replaced(result, chance, odd)
    try:
        reading = calls.read(value, chunk)
    except ValueError:
        return
    assert isinstance(reading, Reading)
    if reading.ids is not None:
        assert len(reading.ids) == 3
        assert all(type(one) is int and one > 0 for one in reading.ids)
    assert all(type(index) is int and 0 <= index < 3 for index in reading.named)
    assert all(isinstance(message, str) and message for _, message in reading.named.values())
    assert reading.state is not None or reading.error is not None


@SOME
@given(
    st.lists(BYTES | st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5\r\n", b"\r\n", b"[1]"]), max_size=8)
)
async def test_servers_that_send_anything(parts: list[bytes]) -> None:
    """Over a real socket: an outcome, and no exception; from a client, one of its own errors."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        for kind in (Json2Transport, JsonRpcTransport):
            transport = kind(Connection(url, "db", "admin", "key", 2, timeout=5.0))
            is_true(await transport.call(Call(MODEL, "create", {"vals_list": [{"name": "x"}]})))
            await transport.close()
        async with ZenooClient(url, timeout=5.0) as client:
            with pytest.raises(ZenooError):
                await client.login("db", "admin", "pw")
    finally:
        server.close()


# ---- CSV files ------------------------------------------------------------------------------------------------------

SCHEMA = Schema(MODEL, {"name": {"type": "char"}, "color": {"type": "integer"}, "ref": {"type": "char", "size": 5}})
PIECES = st.sampled_from(
    [b'"', b'""', b",", b";", b"\n", b"\r\n", b"\r", b"\0", b" ", b"a", b"12", b"-1", b"\xc3\xa4", b"\xff", b"x" * 70]
)
HEADERS = st.sampled_from([b"name,color,ref\n", b'"name";color;ref\r\n', b"\xef\xbb\xbfname\tcolor\tref\n"])


def read_all(path: str, max_rows: int, max_bytes: int) -> tuple[list[tuple[int, str]], list[Any], int, str]:
    """(row, JSON) of the records, the rejects, how many were read, and the error that ended it."""
    rows: list[tuple[int, str]] = []
    rejects: list[Any] = []
    count, error = 0, ""
    try:
        source = CsvSource(path, max_record_bytes=100)
        targets = [name if name in {"name", "color", "ref"} else None for name in source.header]
        if len(set(targets)) < len(targets):
            return rows, rejects, 0, "header"
        layout = Layout(SCHEMA, columns=targets)
        while (block := source.read(layout, max_rows=max_rows, max_bytes=max_bytes)) is not None:
            assert block.first_row == count
            assert len(block.chunk) <= max_rows
            count += block.read
            values = block.chunk.values()
            rows += [(row, json.dumps(value)) for row, value in zip(block.chunk.rows(), values, strict=True)]
            rejects += [tuple(one) for one in block.rejects]
            assert len(rows) + len(rejects) == count
    except (ValueError, OSError) as found:
        error = str(found)
    return rows, rejects, count, error


@FUZZ
@given(HEADERS, st.lists(PIECES, max_size=60), st.integers(1, 4), st.integers(1, 40))
def test_csv_of_any_pieces(header: bytes, pieces: list[bytes], max_rows: int, max_bytes: int) -> None:
    """Every record is a row or a reject, and which does not depend on how much is read at once."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(header + b"".join(pieces))
        file.flush()
        whole = read_all(file.name, 10_000, 1 << 20)
        parts = read_all(file.name, max_rows, max_bytes)
    rows, rejects, count, _ = whole
    numbers = sorted([row for row, _ in rows] + [one[0] for one in rejects])
    assert numbers == list(range(count))
    if whole[3]:
        # What came before the error is the same, as far as a whole block came before it.
        assert parts[3] == whole[3]
        assert rows == parts[0][: len(rows)]
    else:
        assert parts == whole


@FUZZ
@given(BYTES)
def test_csv_of_any_bytes(content: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(content)
        file.flush()
        read_all(file.name, 100, 1 << 20)
        read_all(file.name, 1, 1)


# ---- journals -------------------------------------------------------------------------------------------------------


async def write_journal(path: Path) -> None:
    journal = Journal.create(path, RunFacts("run", MODEL, "create", "rows.csv", 3, "00"))
    journal.start(lambda _reason: None)
    for start in range(0, 200, 20):
        await journal.sent(RowSet([(start, start + 20)]))
        chunk = ValueChunk([{}] * 10, list(range(start, start + 10)))
        journal.settled(Settled(chunk, RowState.CREATED, list(range(start + 1, start + 11))))
    await journal.close()


@SOME
@given(CHANCE)
def test_damaged_journals(chance: random.Random) -> None:
    """Refused with one clear line, or read: nothing else, and no row in two states."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        asyncio.run(write_journal(path))
        content = damaged(path.read_bytes(), chance)
        path.write_bytes(content)
        refused = ""
        try:
            connection, state = read(path)
        except ConfigurationError as error:
            refused = error.message
        if refused:
            assert str(path) in refused
            assert "\n" not in refused
            return
        connection.close()
        doubted, done = (
            set(itertools.chain(*(range(*one) for one in rows.ranges()))) for rows in (state.in_doubt, state.done)
        )
        assert not doubted & done
        assert sum(state.counts.values()) == len(done)
