"""The fold against a plain model of a table, on random histories with unchanged TOAST, key changes and truncates."""

from __future__ import annotations

import json
import random

import duckdb
import pytest

from lakewright.model.names import quote_identifier as quote
from lakewright.model.position import Position
from lakewright.raw import fold

KEYS = range(1, 6)
NAMES = [
    ("id", "s", "p"),
    ("_fold_start", "_fold_table", "_fold_cut"),
    ("fold_row", "_fold_last", "_fold_row"),
    ("k", "f", "b"),
    ("live", "cut", "tip"),
    ("l", "i", "part"),
    ("t", "g", "d"),
    ("r", "q", "w"),
    ("todo", "before", "start"),
    ("waiting", "ready", "found"),
    ("done", "max", "case"),
]
"""A table's key and columns; most have names that the fold's own SQL has too."""
Names = tuple[str, str, str]
Rows = dict[int, tuple[str | None, int | None]]


def random_history(rng: random.Random, base: Rows, length: int, names: Names) -> tuple[list[tuple], Rows]:
    """Rows of a raw tail, and the table after them; in one of three each row has every column's value."""
    lacking = rng.choice((0, 0.4, 0.4))
    id_, *columns = names
    table, tail = dict(base), []
    for n in range(1, length + 1):
        position = str(Position(100 + n // 3, n))
        free = [k for k in KEYS if k not in table]
        op = rng.choice("IIUUUUKKKDDT" if rng.random() < 0.15 else "IUUUKKD")
        if (op in "IK" and not free) or (op in "UKD" and not table):
            op = "U" if table else "I"
        if op == "T":
            table.clear()
            tail.append(("T", None, None, None, position, None, None))
        elif op == "I":
            key = rng.choice(free)
            table[key] = (f"a{n}", n)
            tail.append(("I", key, f"a{n}", n, position, None, None))
        elif op == "D":
            key = rng.choice(sorted(table))
            del table[key]
            tail.append(("D", key, None, None, position, None, None))
        else:
            old = rng.choice(sorted(table))
            values: list = [rng.choice([None, f"a{n}"]), rng.choice([None, n])]
            unavailable = [c for c in columns if rng.random() < lacking]
            kept = tuple(table[old][i] if c in unavailable else values[i] for i, c in enumerate(columns))
            sent = [None if c in unavailable else values[i] for i, c in enumerate(columns)]
            key = rng.choice(free) if op == "K" else old
            if op == "K":
                tail.append(("D", old, None, None, position, None, None))
                del table[old]
            old_key = {id_: old} if op == "K" and unavailable else None
            tail.append(("I" if op == "K" else "U", key, *sent, position, unavailable or None, old_key))
            table[key] = kept
    return tail, table


def folded(base: Rows, tail: list[tuple], names: Names = NAMES[0]) -> tuple[Rows, bool]:
    """The table that DuckDB makes of `base` and `tail`, and whether a truncate was seen."""
    con = duckdb.connect()
    id_, s, p = map(quote, names)
    key, columns = names[:1], names[1:]
    con.execute(f"CREATE TABLE base ({id_} BIGINT, {s} VARCHAR, {p} INT)")
    if base:
        con.executemany("INSERT INTO base VALUES (?, ?, ?)", [(k, *v) for k, v in base.items()])
    con.execute(
        f'CREATE TABLE tail ("Op" VARCHAR, {id_} BIGINT, {s} VARCHAR, {p} INT, _position VARCHAR, _unavailable VARCHAR[],'
        f" _old_key STRUCT({id_} BIGINT))"
    )
    for row in tail:
        con.execute("INSERT INTO tail VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def step() -> None:
        con.execute(f"CREATE OR REPLACE TABLE next AS {fold.complete_sql(key, columns, 'base', 'tail')}")
        con.execute("DROP TABLE tail")
        con.execute("ALTER TABLE next RENAME TO tail")

    fold.complete(lambda: con.execute(fold.incomplete_sql("tail")).fetchone()[0], step)
    truncated = con.execute(fold.truncated_sql("tail")).fetchone()[0]
    result = {} if truncated else dict(base)
    rows = con.execute(fold.fold_sql(key, columns, "base", "tail")).fetchall()
    if con.execute(fold.plain_sql("tail")).fetchone() == (True,):
        assert sorted(con.execute(fold.last_rows_sql(key, columns, "tail")).fetchall()) == sorted(rows)
    for row_key, a, b, position, deleted in rows:
        assert position == max(row[4] for row in tail if row[1] == row_key)
        result.pop(row_key, None)
        if not deleted:
            result[row_key] = (a, b)
    return result, truncated


@pytest.mark.parametrize("seed", [*range(22), *(pytest.param(seed, marks=pytest.mark.crash) for seed in range(22, 44))])
def test_fold_equals_the_model(seed: int) -> None:
    rng, names = random.Random(seed), NAMES[seed % len(NAMES)]
    base: Rows = {k: (f"base{k}", -k) for k in KEYS if rng.random() < 0.6}
    tail, expected = random_history(rng, base, rng.randrange(1, 25), names)
    rng.shuffle(tail)
    assert folded(base, tail, names)[0] == expected, json.dumps([names, tail])


def test_a_swap_through_a_spare_key_keeps_unsent_values() -> None:
    base: Rows = {1: ("one", 1), 2: ("two", 2)}
    tail = []
    for n, (old, new) in enumerate([(1, 9), (2, 1), (9, 2)], 1):
        position = str(Position(7, n))
        tail += [("D", old, None, None, position, None, None), ("I", new, None, n, position, ["s"], {"id": old})]
    assert folded(base, tail)[0] == {1: ("two", 2), 2: ("one", 3)}


def test_a_null_that_was_sent_is_not_filled() -> None:
    tail = [
        ("U", 1, None, 11, str(Position(7, 1)), None, None),
        ("U", 1, None, 12, str(Position(7, 2)), ["s"], None),
    ]
    assert folded({1: ("one", 1)}, tail)[0] == {1: (None, 12)}


def test_a_table_without_key_is_its_inserts_since_the_last_truncate() -> None:
    con = duckdb.connect()
    con.execute('CREATE TABLE tail ("Op" VARCHAR, a VARCHAR, _position VARCHAR)')
    con.executemany("INSERT INTO tail VALUES (?, ?, ?)", [("I", "x", "1"), ("T", None, "2"), ("I", "y", "3"), ("I", "y", "4")])
    assert sorted(con.execute(fold.append_sql(["a"], "tail")).fetchall()) == [("y", "3"), ("y", "4")]
    assert con.execute(fold.truncated_sql("tail")).fetchone() == (True,)
