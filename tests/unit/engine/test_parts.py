"""The smaller parts of a run: what answers of `load` say, the field at fault, the reject file, the feed, look-ups."""

from __future__ import annotations

import contextlib
import csv
import json
import resource
from pathlib import Path
from typing import Any

import pytest
from scripted_server import ScriptedServer, lost, rows

from zenoo_fast._core import Layout, RowSet
from zenoo_fast.engine.blame import blame, blame_cells
from zenoo_fast.engine.caller import Caller, RunStopped
from zenoo_fast.engine.calls import CreateCalls, LoadCalls, SaveMultiCalls, UnlinkCalls, WriteCalls
from zenoo_fast.engine.chunks import ValueChunk
from zenoo_fast.engine.feed import Feed
from zenoo_fast.engine.outcome import Outcome, OutcomeKind, Reject, RowState, ServerError
from zenoo_fast.engine.rejects import RejectFile
from zenoo_fast.engine.resolve import known_external_ids
from zenoo_fast.sources.records import Records

MODEL = "res.partner"


def chunk(count: int) -> ValueChunk:
    return ValueChunk([{"name": str(one)} for one in range(count)], list(range(count)), list(range(1, count + 1)))


def message(row: int, text: str = "bad", to: int | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "error", "rows": {"from": row, "to": row if to is None else to}, "message": text, **more}


# ---- answers --------------------------------------------------------------------------------------------------------


def refused(*messages: dict[str, Any], count: int = 20) -> Any:
    return LoadCalls(MODEL).read({"ids": False, "messages": list(messages), "nextrow": 0}, chunk(count))


def test_load_names_the_rows_of_its_messages_but_the_first() -> None:
    reading = refused(message(3, field="a"), message(5, field="b"), message(9))
    assert reading.state is None
    assert dict(reading.named) == {5: ("b", "bad"), 9: (None, "bad")}


def test_a_lone_message_is_trusted_unless_it_has_the_position_of_the_whole_batch() -> None:
    assert dict(refused(message(3)).named) == {3: (None, "bad")}
    assert dict(refused(message(0)).named) == {}
    assert dict(refused(message(0), count=1).named) == {0: (None, "bad")}


@pytest.mark.parametrize(
    "odd",
    [
        message(20), message(-1), message(2, to=4), {"type": "error", "message": "x"}, {"rows": 3}, "text", None,
        message(True),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_messages_that_name_no_row_for_certain_name_none(odd: Any) -> None:
    reading = refused(message(1), odd)
    assert set(reading.named) <= {1}
    assert reading.error is not None


def test_a_warning_is_no_reject_and_silence_is_told() -> None:
    assert set(refused(message(2), message(3), {"type": "warning", "message": "more"}).named) == {3}
    assert refused().error.message == "load refused the rows without a reason"


def test_a_failure_that_others_caused_is_transient() -> None:
    text = "could not serialize access due to concurrent update"
    assert refused(message(0, text)).transient
    assert refused(message(1), message(2, "deadlock detected\nDETAIL")).transient
    assert not refused(message(1)).transient


@pytest.mark.parametrize(
    ("calls", "answer"),
    [
        (CreateCalls(MODEL), [1]),
        (CreateCalls(MODEL), [1, -2]),
        (CreateCalls(MODEL), [1, True]),
        (CreateCalls(MODEL), 5),
        (LoadCalls(MODEL), {"ids": [1]}),
        (LoadCalls(MODEL), {"messages": []}),
        (LoadCalls(MODEL), [1, 2]),
        (LoadCalls(MODEL), {"ids": False, "messages": 3}),
        (SaveMultiCalls(MODEL), True),
        (SaveMultiCalls(MODEL), [{}]),
        (WriteCalls(MODEL, {}), 1),
        (UnlinkCalls(MODEL), None),
    ],
)
def test_answers_of_another_shape_are_refused(calls: Any, answer: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        calls.read(answer, chunk(2))


def test_each_call_says_how_its_rows_ended() -> None:
    assert CreateCalls(MODEL).read([7, 8], chunk(2)).state is RowState.CREATED
    assert WriteCalls(MODEL, {}).read(True, chunk(2)).state is RowState.UPDATED
    assert UnlinkCalls(MODEL).read(True, chunk(2)).state is RowState.DELETED
    assert SaveMultiCalls(MODEL).read([{}, {}], chunk(2)).ids == [1, 2]
    assert dict(LoadCalls(MODEL, {"a": 1}, insert_only=True).build(chunk(1)).context or {}) == {
        "a": 1, "mode": "update", "noupdate": True,
    }  # fmt: skip


# ---- the field at fault ---------------------------------------------------------------------------------------------

CHECK = 'psycopg2.errors.CheckViolation: new row for relation "res_partner" violates check constraint "{}"'
UNIQUE = (
    'psycopg2.errors.UniqueViolation: duplicate key value violates unique constraint "res_partner_ref_uniq"\n'
    "DETAIL:  Key (ref)=(7) already exists."
)
FOREIGN = 'DETAIL:  Key (country_id)=(999) is not present in table "res_country".'


@pytest.mark.parametrize(
    ("text", "debug", "field"),
    [
        ("Wrong value for res.partner.type: 'zz'", "", "type"),
        ("Invalid field 'nope' in 'res.partner'", "", "nope"),
        ("Missing required value for the field 'Name' (name).\nModel: 'Contact' (res.partner)", "", "name"),
        ("The operation cannot be completed: Contacts require a name", CHECK.format("res_partner_check_name"), "name"),
        ("Record does not exist or has been deleted.\n(Record: res.partner(77,), User: 2)", "", "parent_id"),
        ("The reference must be unique!", UNIQUE, "ref"),
        ("The operation cannot be completed", 'null value in column "email" of relation', "email"),
        ("Something else", "", None),
        ("Something else", CHECK.format("res_partner_check_sanity"), None),
        ("(Record: res.partner(5,), User: 2)", "", None),
    ],
)
def test_tells_the_field_where_it_can_be_told(text: str, debug: str, field: str | None) -> None:
    record = ValueChunk([{"ref": "7", "parent_id": 77, "phone": "5"}], [0])
    found, said = blame(ServerError("odoo.exceptions.ValidationError", text, debug=debug), record, MODEL)
    assert (found, said) == (field, text)


def test_a_broken_foreign_key_is_told_in_words_of_an_import() -> None:
    odoo = "Another model is using the record you are trying to delete."
    found = blame(ServerError("x", odoo, debug=FOREIGN), ValueChunk([{"country_id": 999}], [0]), MODEL)
    assert found == ("country_id", "there is no record 999 in res.country for the field 'country_id'")


def test_a_message_of_load_names_the_empty_cell_it_is_about() -> None:
    fields = ["name", "email", "city"]
    assert blame_cells("Contacts require a name", fields, ["", "e", ""]) == "name"
    assert blame_cells("Contacts require a name", fields, ["n", "e", ""]) is None
    assert blame_cells("The name or the city", fields, ["", "e", ""]) is None
    assert blame_cells("anything", None, ["", "e", ""]) is None


# ---- the reject file ------------------------------------------------------------------------------------------------


def test_the_reject_file_repeats_the_record_and_says_why(tmp_path: Path) -> None:
    file = RejectFile(tmp_path / "x.csv", ["name", "note"], ";")
    file.write([Reject(4, "name", "required", 'a "name";\nplease', ["", "two\nlines"])])
    file.write([Reject(9, None, "too_many_cells", "3 cells", ["a", "b", "c"]), Reject(10, "x", "y", "z", ["a"])])
    file.close()
    with (tmp_path / "x.csv").open(newline="") as handle:
        lines = list(csv.reader(handle, delimiter=";"))
    assert lines[0] == ["name", "note", "_row", "_field", "_code", "_message"]
    assert lines[1] == ["", "two\nlines", "4", "name", "required", 'a "name";\nplease']
    assert lines[2][-4:] == ["9", "", "too_many_cells", "3 cells"]
    assert lines[3] == ["a", "", "10", "x", "y", "z"]
    assert file.length == (tmp_path / "x.csv").stat().st_size


def test_rejects_that_could_not_be_written_never_seem_durable(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    file = RejectFile(tmp_path / "bad.csv", ["name"])
    file.write([Reject(0, "name", "x", "y", ["a"])])
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            file.write([Reject(1, "name", "x", "y", ["b" * 20_000])])
        for _ in range(2):
            with pytest.raises(OSError, match=r"too large: .*bad\.csv"):
                file.sync()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with contextlib.suppress(OSError):
        file.close()


def test_rejects_of_mappings_are_json_lines(tmp_path: Path) -> None:
    file = RejectFile(tmp_path / "x.jsonl", None)
    half = {"name": "half \ud83d"}
    file.write(
        [Reject(1, None, "c", "m", {"name": "é", "n": 1}), Reject(2, None, "c", "m", half), Reject(3, None, "c", "m")]
    )
    file.close()
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {"name": "é", "n": 1, "_row": 1, "_field": "", "_code": "c", "_message": "m"}
    assert lines[1]["name"] == "half \ud83d"
    assert lines[2]["_row"] == 3


def test_a_reject_file_is_never_written_over(tmp_path: Path) -> None:
    for number in range(3):
        file = RejectFile(tmp_path / "x.csv", ["a"])
        file.write([Reject(number, None, "c", "m", [str(number)])])
        file.close()
    names = ["x.csv", "x.2.csv", "x.3.csv"]
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(names)
    for number, name in enumerate(names):
        assert (tmp_path / name).read_text().splitlines()[1].startswith(f"{number},{number},")


def test_no_rejects_leave_no_file(tmp_path: Path) -> None:
    file = RejectFile(tmp_path / "x.csv", ["a"])
    file.write([])
    file.sync()
    file.close()
    assert list(tmp_path.iterdir()) == []


# ---- the feed -------------------------------------------------------------------------------------------------------


def feed(records: list[Any], told: list[Any], **options: Any) -> Feed:
    source = Records(records)
    source.layout = Layout()

    def tell(read: int, rejects: list[Reject]) -> None:
        told.append((read, [one.row for one in rejects]))

    return Feed(source, tell, threaded=False, **options)


async def test_chunks_are_as_large_as_is_asked_when_they_leave() -> None:
    told: list[Any] = []
    one = feed(rows(100), told)
    sizes = [len(await one.next(size, 1 << 20) or ()) for size in (10, 1, 50, 500, 500)]
    assert sizes == [10, 1, 50, 39, 0]
    assert sum(read for read, _ in told) == 100
    await one.close()


async def test_a_chunk_keeps_to_its_bytes_and_takes_one_record_at_least() -> None:
    records = [{"name": "x" * 1000}] * 10
    one = feed(records, [])
    assert len(await one.next(100, 3100) or ()) == 3
    assert len(await one.next(100, 10) or ()) == 1
    await one.close()


async def test_rejects_count_as_read_with_the_rows_around_them() -> None:
    told: list[Any] = []
    records: list[Any] = rows(20)
    for row in (0, 5, 19):
        records[row] = {"name": object()}
    one = feed(records, told)
    assert [len(await one.next(4, 1 << 20) or ()) for _ in range(2)] == [4, 4]
    assert [row for _, some in told for row in some][:1] == [0]
    while await one.next(100, 1 << 20) is not None:
        pass
    assert sum(read for read, _ in told) == 20
    assert [row for _, some in told for row in some] == [0, 5, 19]
    await one.close()


async def test_rows_that_are_skipped_come_neither_as_records_nor_as_rejects() -> None:
    told: list[Any] = []
    records: list[Any] = rows(20)
    records[3] = {"name": object()}
    one = feed(records, told, skip=RowSet([(0, 10)]))
    taken = await one.next(100, 1 << 20)
    assert taken is not None
    assert taken.rows() == list(range(10, 20))
    assert [row for _, some in told for row in some] == []
    await one.close()


# ---- look-ups -------------------------------------------------------------------------------------------------------


async def test_external_ids_are_looked_up_once_a_module() -> None:
    server = ScriptedServer()
    server.external |= {"a.one": 1, "b.one": 2, "__import__.bare": 3}
    caller = Caller(server)
    found = await known_external_ids(caller, MODEL, ["a.one", "a.two", "b.one", "bare"])
    assert found == {"a.one": 1, "b.one": 2, "bare": 3}
    assert caller.requests == 3


async def test_a_question_without_an_answer_ends_the_run() -> None:
    class Silent(ScriptedServer):
        async def call(self, call: Any) -> Outcome:
            return lost()

    async def sleep(_seconds: float) -> None:
        pass

    caller = Caller(Silent())
    caller.policy.sleep = sleep
    with pytest.raises(RunStopped, match="cannot be looked up: the connection broke"):
        await known_external_ids(caller, MODEL, ["a.one"])
    assert caller.retries == caller.policy.retries


async def test_an_outcome_reads_as_a_value_from_bytes_and_objects() -> None:
    assert Outcome(OutcomeKind.COMMITTED, result=b"[1]").value() == [1]
    assert Outcome(OutcomeKind.COMMITTED, result=[1]).value() == [1]
    with pytest.raises(ValueError, match=r"."):
        Outcome(OutcomeKind.COMMITTED, result=b"[1").value()
