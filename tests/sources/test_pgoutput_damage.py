"""The decoder against messages that are damaged or contradict each other."""

from __future__ import annotations

import random

import pytest

from lakewright.errors import SourceError
from lakewright.model.position import Position
from tests.sources.wire import LOG, UNSENT, A, begin, commit, decoder, delete, insert, relation, rows, truncate, update

GOOD = [
    begin(100, 5),
    relation(A),
    relation(LOG),
    insert(A, "1", "first", "11"),
    update(A, "1", UNSENT, "2"),
    update(A, "2", UNSENT, None, old=["1", None, None]),
    update(A, "2", "new", "3", old=["2", "old", "2"], kind=b"O"),
    delete(A, "2", None, None),
    insert(LOG, "line"),
    truncate(A, LOG),
    commit(100, 5),
]


@pytest.mark.parametrize("which", range(len(GOOD)))
def test_a_message_cut_short_is_a_source_error(which: int) -> None:
    for length in range(len(GOOD[which])):
        damaged = [*GOOD[:which], GOOD[which][:length], *GOOD[which + 1 :]]
        with pytest.raises(SourceError) as caught:
            decoder().decode(damaged)
        assert caught.value.code == "LW-240"


@pytest.mark.parametrize("which", [i for i, message in enumerate(GOOD) if message[:1] not in b"BC"])
def test_a_message_that_goes_on_is_a_source_error(which: int) -> None:
    with pytest.raises(SourceError):
        decoder().decode([*GOOD[:which], GOOD[which] + b"n", *GOOD[which + 1 :]])


def test_any_flipped_byte_gives_rows_or_a_source_error() -> None:
    outcomes = {"rows": 0, "error": 0}
    chance = random.Random(5)
    for which, message in enumerate(GOOD):
        for place in range(len(message)):
            for flip in (0x01, 0x80, 0xFF, chance.randrange(1, 255)):
                damaged = bytearray(message)
                damaged[place] ^= flip
                try:
                    rows(decoder().decode([*GOOD[:which], bytes(damaged), *GOOD[which + 1 :]]).batches)
                    outcomes["rows"] += 1
                except SourceError:
                    outcomes["error"] += 1
    assert outcomes["rows"] > 50
    assert outcomes["error"] > 500


@pytest.mark.parametrize(
    "messages",
    [
        [begin(100), insert(A, "1", None, None)],
        [relation(A), insert(A, "1", None, None)],
        [begin(100), begin(200)],
        [commit(100)],
        [begin(100), commit(200)],
        [begin(100), relation(A), insert(A, "1", None)],
        [b"S" + bytes(20)],
        [b""],
    ],
)
def test_messages_that_contradict_each_other_are_a_source_error(messages: list[bytes]) -> None:
    with pytest.raises(SourceError) as caught:
        decoder().decode(messages)
    assert caught.value.code == "LW-240"


def test_a_value_that_is_no_text_of_its_type_stops_its_table_alone_and_is_not_told() -> None:
    decoding = decoder()
    decoded = decoding.decode([begin(100), relation(A), insert(A, "1", "x", "secret"), commit(100)])
    (stopped,) = decoded.stopped
    assert (stopped.table, stopped.position, stopped.error.code) == (A.name, Position(100, 0), "LW-241")
    assert "size" in stopped.error.message
    assert "secret" not in stopped.error.message
    later = decoding.decode([begin(200), insert(A, "2", "x", "3"), commit(200)])
    assert (decoded.batches, later.batches, later.stopped) == ([], [], [])


@pytest.mark.parametrize(
    "change",
    [update(A, UNSENT, None, None), update(A, "1", None, None, old=[None, "x", None]), delete(A, None, "x", None)],
)
def test_a_row_without_its_key_stops_the_table_alone(change: bytes) -> None:
    decoded = decoder().decode([begin(100), relation(A), relation(LOG), change, insert(LOG, "y"), commit(100)])
    assert [(stopped.table, stopped.position, stopped.error.code) for stopped in decoded.stopped] == [
        (A.name, Position(100, 0), "LW-242")
    ]
    assert [row["line"] for row in rows(decoded.batches)] == ["y"]
