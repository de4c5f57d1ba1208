"""The decoder against messages made here, and against a model of them."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakewright.errors import SourceError, SourceUnreachable
from lakewright.model.names import TableName
from lakewright.model.position import START, Position
from lakewright.model.schema import Column, TableSchema
from lakewright.sources.postgres.pgoutput import Decoder
from lakewright.sources.postgres.relation import Relation
from tests.sources.wire import (
    EPOCH,
    LOG,
    OIDS,
    UNSENT,
    A,
    at,
    begin,
    changes,
    commit,
    decoder,
    delete,
    insert,
    relation,
    rows,
    truncate,
    update,
)


def test_each_kind_of_change() -> None:
    found = changes(
        [
            begin(100),
            relation(A),
            insert(A, "1", "one", None),
            update(A, "1", "uno", "5"),
            delete(A, "1", None, None),
            truncate(A),
            commit(100),
        ]
    )
    assert found == [
        {"table": "a", "Op": "I", "_position": at(100, 1), "id": 1, "name": "one"},
        {"table": "a", "Op": "U", "_position": at(100, 2), "id": 1, "name": "uno", "size": 5},
        {"table": "a", "Op": "D", "_position": at(100, 3), "id": 1},
        {"table": "a", "Op": "T", "_position": at(100, 4)},
    ]


def test_times_and_the_end_of_the_last_transaction() -> None:
    decoded = decoder().decode([begin(100, 1_500_000), relation(A), insert(A, "1", None, None), commit(100), begin(200, 7)])
    assert rows(decoded.batches)[0]["_commit_time"] == EPOCH + datetime.timedelta(seconds=1.5)
    assert (decoded.committed, decoded.time) == (108, EPOCH + datetime.timedelta(seconds=1.5))


def test_an_open_transaction_goes_on_in_the_next_list() -> None:
    decoder_ = decoder()
    first = decoder_.decode([begin(100), relation(A), insert(A, "1", None, None)])
    assert decoder_.in_transaction
    second = decoder_.decode([insert(A, "2", None, None), commit(100)])
    assert not decoder_.in_transaction
    assert (first.committed, second.committed) == (None, 108)
    assert [r["_position"] for r in rows([*first.batches, *second.batches])] == [at(100, 1), at(100, 2)]


def test_changes_of_tables_that_are_not_followed_keep_their_ordinals() -> None:
    other = dataclasses.replace(A, name=TableName("public", "other"))
    OIDS[other.name] = 103
    found = changes([begin(100), relation(other), relation(A), insert(other, "9", None, None), insert(A, "1", None, None)])
    assert [(r["table"], r["_position"]) for r in found] == [("a", at(100, 2))]


def test_a_truncate_of_two_tables_is_one_change() -> None:
    found = changes([begin(100), relation(A), relation(LOG), truncate(LOG, A), insert(LOG, "x"), commit(100)])
    assert sorted((r["table"], r["Op"], r["_position"]) for r in found) == [
        ("a", "T", at(100, 1)),
        ("log", "I", at(100, 2)),
        ("log", "T", at(100, 1)),
    ]


def test_a_key_change_is_delete_before_insert_at_one_position() -> None:
    found = changes([begin(100), relation(A), update(A, "2", "new", None, old=["1", None, None]), insert(A, "1", None, None)])
    assert [(r["Op"], r["id"], r["_position"], r.get("name")) for r in found] == [
        ("D", 1, at(100, 1), None),
        ("I", 2, at(100, 1), "new"),
        ("I", 1, at(100, 2), None),
    ]
    assert not any("_old_key" in r or "_unavailable" in r for r in found)


def test_a_key_change_with_unchanged_values_says_the_old_key() -> None:
    found = changes([begin(100), relation(A), insert(A, "7", "x", "1"), update(A, "2", UNSENT, "3", old=["1", None, None])])
    assert found[2] == {
        "table": "a",
        "Op": "I",
        "_position": at(100, 2),
        "id": 2,
        "size": 3,
        "_unavailable": ["name"],
        "_old_key": {"id": 1},
    }
    assert found[1] == {"table": "a", "Op": "D", "_position": at(100, 2), "id": 1}


def test_an_old_key_that_is_the_new_one_is_no_key_change() -> None:
    # The server also sends the old key where it lies outside the row (TOAST), and the new one as unchanged.
    found = changes([begin(100), relation(A), update(A, UNSENT, "x", None, old=["1", None, None])])
    assert found == [{"table": "a", "Op": "U", "_position": at(100, 1), "id": 1, "name": "x"}]


def test_a_whole_old_row_completes_the_new_one_and_is_cut_to_the_key() -> None:
    found = changes(
        [
            begin(100),
            relation(A),
            update(A, "1", UNSENT, "4", old=["1", "long", "3"], kind=b"O"),
            update(A, "2", UNSENT, "4", old=["1", "long", "4"], kind=b"O"),
            delete(A, "2", "long", "4", kind=b"O"),
        ]
    )
    assert found == [
        {"table": "a", "Op": "U", "_position": at(100, 1), "id": 1, "name": "long", "size": 4},
        {"table": "a", "Op": "D", "_position": at(100, 2), "id": 1},
        {"table": "a", "Op": "I", "_position": at(100, 2), "id": 2, "name": "long", "size": 4},
        {"table": "a", "Op": "D", "_position": at(100, 3), "id": 2},
    ]


def test_changes_up_to_a_position_are_left_out() -> None:
    messages = [begin(100), relation(A), *(insert(A, str(i), None, None) for i in range(1, 4)), commit(100)]
    messages += [begin(200), insert(A, "4", None, None), commit(200)]
    assert [r["id"] for r in changes(messages, Position(100, 2))] == [3, 4]
    assert [r["id"] for r in changes(messages, Position(108, 0))] == [4]


def test_a_table_may_start_later_than_the_others() -> None:
    narrower = dataclasses.replace(A, columns=A.columns[:2])
    messages = [begin(100), relation(LOG), relation(narrower), insert(LOG, "x"), insert(narrower, "1", None), commit(100)]
    messages += [begin(200), relation(A), insert(A, "2", None, None), insert(A, "3", None, None), insert(LOG, "y"), commit(200)]
    decoded = decoder(starts={A.name: Position(200, 1)}).decode(messages)
    assert [(r["table"], r["_position"]) for r in rows(decoded.batches)] == [
        ("a", at(200, 2)),
        ("log", at(100, 1)),
        ("log", at(200, 3)),
    ]
    assert decoded.stopped == []


def test_the_catalog_is_asked_once_for_a_shape_and_not_for_what_is_left_out() -> None:
    asked: list[TableName] = []

    def resolve(relation: Relation, known: TableSchema) -> TableSchema:
        asked.append(relation.name)
        return A

    decoder_ = decoder(Position(100, 9), resolve)
    decoder_.decode([begin(100), relation(A), insert(A, "1", None, None), commit(100)])
    assert asked == []
    for lsn in (200, 300):
        decoder_.decode([begin(lsn), relation(A), insert(A, "1", None, None), commit(lsn)])
    assert asked == [A.name]


def wider(**options: Any) -> TableSchema:
    return dataclasses.replace(A, columns=(*A.columns, Column("extra", "integer", "int", **options)))


@pytest.mark.parametrize("options", [{}, {"missing": "5", "nullable": False}])
def test_an_added_column_goes_on_under_the_new_schema_from_there(options: dict[str, Any]) -> None:
    now = [A]
    decoder_ = decoder(resolve=lambda asked, known: now[-1])
    decoder_.decode([begin(100), relation(A), insert(A, "1", None, None), commit(100)])
    now.append(wider(**options))
    decoded = decoder_.decode(
        [begin(200), insert(A, "2", None, None), relation(now[-1]), insert(now[-1], "3", None, None, "8"), commit(200)]
    )
    assert [batch.schema for batch in decoded.batches] == [A, now[-1]]
    assert [(r["id"], r.get("extra"), r["_position"]) for r in rows(decoded.batches)] == [
        (2, None, at(200, 1)),
        (3, 8, at(200, 2)),
    ]
    assert decoded.stopped == []


def test_columns_that_the_catalog_got_later_are_not_taken_up_yet() -> None:
    decoded = decoder(resolve=lambda asked, known: wider()).decode(
        [begin(100), relation(A), insert(A, "1", None, None), commit(100)]
    )
    assert [batch.schema for batch in decoded.batches] == [A]


def test_a_change_that_loses_data_stops_the_table_alone() -> None:
    narrower = dataclasses.replace(A, columns=A.columns[:2])
    now = [A]
    decoder_ = decoder(resolve=lambda asked, known: LOG if asked.name == LOG.name else now[-1])
    decoder_.decode([begin(100), relation(A), insert(A, "1", None, None), commit(100)])
    now.append(narrower)
    messages = [begin(200), relation(LOG), insert(LOG, "x"), relation(narrower), insert(narrower, "2", None), insert(LOG, "y")]
    decoded = decoder_.decode([*messages, commit(200)])
    assert [(r["table"], r["_position"]) for r in rows(decoded.batches)] == [("log", at(200, 1)), ("log", at(200, 3))]
    (stopped,) = decoded.stopped
    assert (stopped.table, stopped.position, stopped.error.code) == (A.name, Position(200, 1), "LW-242")
    assert "size was dropped" in str(stopped.error)
    again = decoder_.decode([begin(300), relation(A), insert(A, "3", None, None), commit(300)])
    assert (list(again.batches), list(again.stopped)) == ([], [])


def test_what_the_catalog_refuses_stops_the_table() -> None:
    def refuse(relation: Relation, known: TableSchema) -> TableSchema:
        raise SourceError("LW-213", "dropped")

    decoded = decoder(resolve=refuse).decode([begin(100), relation(A), insert(A, "1", None, None)])
    assert [(s.table, s.position, s.error.code) for s in decoded.stopped] == [(A.name, Position(100, 0), "LW-213")]


def test_a_catalog_that_does_not_answer_stops_no_table() -> None:
    def fail(relation: Relation, known: TableSchema) -> TableSchema:
        raise SourceUnreachable("LW-201", "gone")

    with pytest.raises(SourceUnreachable):
        decoder(resolve=fail).decode([begin(100), relation(A), insert(A, "1", None, None)])


def test_a_renamed_and_a_recreated_table_stop() -> None:
    other = dataclasses.replace(A, name=TableName("public", "renamed"))
    messages = [begin(100), relation(A), insert(A, "1", None, None), commit(100), begin(200)]
    renamed = decoder().decode([*messages, relation(other, OIDS[A.name]), insert(A, "2", None, None)])
    OIDS[other.name] = 104
    recreated = decoder().decode([*messages, relation(A, 104), insert(other, "2", None, None)])
    for decoded in (renamed, recreated):
        assert [r["id"] for r in rows(decoded.batches)] == [1]
        assert [(s.table, s.position, s.error.code) for s in decoded.stopped] == [(A.name, Position(200, 0), "LW-243")]


def test_a_table_is_known_by_its_oid_from_the_first_change_on() -> None:
    known = dataclasses.replace(A, oid=OIDS[A.name])
    away = dataclasses.replace(A, name=TableName("public", "away"))
    renamed = [begin(100), relation(away, known.oid), insert(A, "1", None, None), commit(100)]
    OIDS[away.name] = 105
    lent = [begin(100), relation(A, 105), insert(away, "1", None, None), commit(100)]
    back = [begin(200), relation(A), insert(A, "2", None, None), commit(200)]
    for messages, taken in ((renamed, []), (lent, [2])):
        decoded = Decoder([known], START, lambda asked, known: known, {}).decode([*messages, *back])
        assert [r["id"] for r in rows(decoded.batches)] == taken
        end = decoded.batches[-1].last if taken else Position(100, 0)
        assert [(s.table, s.position, s.error.code) for s in decoded.stopped] == [(A.name, end, "LW-243")]
        # A load after that has the rows.
        later = Decoder([known], START, lambda asked, known: known, {A.name: Position(108)}).decode([*messages, *back])
        assert (later.stopped, [r["id"] for r in rows(later.batches)]) == ([], [2])


def test_of_a_table_without_key_only_inserts_and_truncates_count() -> None:
    found = changes([begin(100), relation(LOG), insert(LOG, "x"), update(LOG, "y", old=["x"], kind=b"O"), truncate(LOG)])
    assert [(r["Op"], r["_position"]) for r in found] == [("I", at(100, 1)), ("T", at(100, 3))]


def test_positions_are_written_like_position_writes_them() -> None:
    many = [begin(0x16B374D848), relation(LOG), *[insert(LOG, "x")] * 100_002]
    found = decoder().decode(many).batches[0].rows["_position"]
    assert [found[i].as_py() for i in (0, 99_999, -1)] == [at(0x16B374D848, i) for i in (1, 100_000, 100_002)]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[bytes], list[dict[str, Any]]]:
    """Messages, and the rows that they mean."""
    messages, expected = [begin(1), relation(A), relation(LOG), commit(1)], []
    text = st.one_of(st.none(), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8))
    for lsn in range(1000, 1000 + 100 * draw(st.integers(1, 4)), 100):
        messages.append(begin(lsn))
        for ordinal in range(1, 1 + draw(st.integers(0, 8))):
            position = at(lsn, ordinal)
            key, name, line = draw(st.integers(-5, 5)), draw(text), draw(text)
            match draw(st.sampled_from(["I", "U", "u", "K", "D", "T", "L"])):
                case "I":
                    messages.append(insert(A, str(key), name, None))
                    expected.append({"table": "a", "Op": "I", "_position": position, "id": key, "name": name})
                case "U":
                    messages.append(update(A, str(key), name, "3"))
                    expected.append({"table": "a", "Op": "U", "_position": position, "id": key, "name": name, "size": 3})
                case "u":
                    messages.append(update(A, str(key), UNSENT, "3"))
                    expected.append({"table": "a", "Op": "U", "_position": position, "id": key, "size": 3})
                    expected[-1]["_unavailable"] = ["name"]
                case "K":
                    messages.append(update(A, str(key + 100), name, UNSENT, old=[str(key), None, None]))
                    expected.append({"table": "a", "Op": "D", "_position": position, "id": key})
                    expected.append({"table": "a", "Op": "I", "_position": position, "id": key + 100, "name": name})
                    expected[-1] |= {"_unavailable": ["size"], "_old_key": {"id": key}}
                case "D":
                    messages.append(delete(A, str(key), None, None))
                    expected.append({"table": "a", "Op": "D", "_position": position, "id": key})
                case "T":
                    messages.append(truncate(A, LOG))
                    expected += [{"table": table, "Op": "T", "_position": position} for table in ("a", "log")]
                case "L":
                    messages.append(insert(LOG, line))
                    expected.append({"table": "log", "Op": "I", "_position": position, "line": line})
        messages.append(commit(lsn))
    return messages, [{k: v for k, v in r.items() if v is not None} for r in expected]


@given(histories(), st.data())
@settings(deadline=None, max_examples=60)
def test_histories_cut_anywhere_mean_the_same(history: tuple[list[bytes], list[dict[str, Any]]], data: st.DataObject) -> None:
    messages, expected = history
    cuts = sorted(data.draw(st.lists(st.integers(0, len(messages)), max_size=4)))
    decoder_ = decoder()
    batches = [
        batch
        for start, end in zip([0, *cuts], [*cuts, len(messages)], strict=True)
        for batch in decoder_.decode(messages[start:end]).batches
    ]
    found = [{k: v for k, v in r.items() if k != "_commit_time"} for r in rows(batches)]
    for table in ("a", "log"):
        assert [r for r in found if r["table"] == table] == [r for r in expected if r["table"] == table]
