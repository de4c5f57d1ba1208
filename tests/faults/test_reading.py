"""Reading: answers that are left, columns with awkward names or new types, folders with awkward names, folds that fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lakewright.errors import LogError, QueryError
from lakewright.pipeline import table_at
from lakewright.pipeline.folding import Fold
from lakewright.pipeline.lake import Lake
from lakewright.pipeline.table_at import TableAt
from lakewright.raw import fold as folds
from tests.faults.conftest import LAKE, Shop

MANY = "SELECT o.id FROM orders AS o CROSS JOIN UNNEST(sequence(1, 100000)) AS t(x)"


@pytest.fixture
def lake(loaded: Shop) -> Iterator[Lake]:
    """The loaded lake as a caller in Python has it, with a change that is not merged."""
    loaded.sql("UPDATE orders SET price = 7 WHERE id = 7")
    loaded.ok("capture")
    with Lake.open(loaded.folder) as opened:
        yield opened


def read(lake: Lake, text: str, as_of: str | None = None) -> list[tuple[object, ...]]:
    with lake.sql(text, as_of=as_of) as answer:
        return [tuple(row.values()) for batch in answer.batches() for row in batch.to_pylist()]


def made(lake: Lake) -> int:
    """How many tables there are in the lake's connection."""
    return len(lake.connection().execute("SELECT table_name FROM duckdb_tables()").fetchall())


# ---- answers and folds


def test_an_answer_can_be_left_half_read_after_the_table_moved(loaded: Shop, lake: Lake) -> None:
    assert read(lake, "SELECT price FROM orders WHERE id = 7") == [(7,)]
    loaded.sql("UPDATE orders SET price = 8 WHERE id = 7")
    loaded.ok("capture")
    with lake.sql(MANY) as answer:
        assert next(answer.batches()).num_rows > 0
    assert read(lake, "SELECT price FROM orders WHERE id = 7") == [(8,)]
    assert made(lake) == 1


def test_a_query_of_two_moments_leaves_the_newest_fold(loaded: Shop, lake: Lake) -> None:
    (moment,) = loaded.sql("SELECT (now() AT TIME ZONE 'UTC')::text")[0]
    loaded.sql("UPDATE orders SET price = 8 WHERE id = 7")
    loaded.ok("capture")
    before = f"orders FOR TIMESTAMP AS OF TIMESTAMP '{moment}'"
    both = f"SELECT a.price AS a, b.price AS b FROM orders AS a JOIN {before} AS b ON a.id = b.id WHERE a.id = 7"
    for _ in range(3):
        assert read(lake, "SELECT price FROM orders WHERE id = 7") == [(8,)]
        assert read(lake, both) == [(8, 7)]
        assert made(lake) == 1


def test_a_fold_that_fails_leaves_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(folds, "last_rows_sql", lambda *_: "SELECT nothing")
        for _ in range(2):
            with pytest.raises(QueryError):
                lake.sql("SELECT * FROM orders")
            assert made(lake) == 0
    assert read(lake, "SELECT price FROM orders WHERE id = 7") == [(7,)]


@pytest.mark.parametrize("command", ["sql", "check"])
def test_a_clean_between_a_look_at_a_table_and_the_read_of_it(
    loaded: Shop, lake: Lake, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = list[str]()

    def fold(at: TableAt, *arguments: Any) -> Fold:
        if not looked:
            with Lake.open(loaded.folder) as other:
                other.merge([at.mirror.name])
                table = other.table(at.mirror)
                assert table is not None
                assert table.clean([])
        looked.append(at.mirror.name)
        return Fold(lake.connection(), at, lake.log(at.mirror.source))

    lake.merge()
    loaded.sql("UPDATE orders SET price = 8 WHERE id = 7")
    loaded.ok("capture")
    if command == "sql":
        monkeypatch.setattr("lakewright.pipeline.folding.Fold", lambda _, at, log: fold(at))
        assert read(lake, "SELECT price FROM orders WHERE id = 7") == [(8,)]
    else:
        monkeypatch.setattr("lakewright.pipeline.check.Fold", lambda _, at, log: fold(at))
        assert lake.check("shop").passed
    assert len(looked) > 1


def test_a_damaged_file_is_named_and_its_fold_leaves_nothing(loaded: Shop, lake: Lake) -> None:
    newest = max(loaded.files("raw/**/*.parquet"), key=lambda path: path.stat().st_mtime)
    newest.write_bytes(newest.read_bytes()[:-40])
    with pytest.raises(LogError) as caught:
        lake.sql("SELECT * FROM orders")
    assert (caught.value.code, newest.name in caught.value.message, made(lake)) == ("LW-358", True, 0)


def test_a_fold_can_be_closed_while_it_is_read(lake: Lake) -> None:
    mirror, log = lake.mirror("orders"), lake.log("shop")
    view = log.view()
    fold = Fold(lake.connection(), table_at.plan(mirror, log, view, (), view.watermark), log)
    rows = fold.reader(f"SELECT b.* FROM ({fold.rows_sql()}) AS b CROSS JOIN range(100000)", 10)
    assert rows.read_next_batch().num_rows > 0
    fold.close()
    assert made(lake) == 0
    with pytest.raises(QueryError):
        fold.reader("SELECT nothing", 10)


# ---- columns


@pytest.mark.parametrize("key", ["", ", PRIMARY KEY (id)"])
def test_columns_may_have_any_name_that_is_not_refused(loaded: Shop, key: str) -> None:
    names = ("filename", "file_row_number", "file_index", "_fold_start", "_fold_table", "_fold_cut", "_fold_row", "b", "f")
    columns = "".join(f", {name} text" for name in names)
    loaded.sql(f"CREATE TABLE odd (id int NOT NULL{columns}{key})")
    loaded.sql(f"INSERT INTO odd SELECT g{''.join(f', {name!r}' for name in names)} FROM generate_series(1, 3) g")
    # Kept out of line: an update that does not touch it does not send it.
    loaded.sql("ALTER TABLE odd ALTER f SET STORAGE EXTERNAL")
    loaded.sql("INSERT INTO odd (id, f) VALUES (9, repeat('long', 1000))")
    loaded.ok("capture")
    shown = "SELECT count(*) AS n, max(filename) AS a, max(file_row_number) AS b, max(_fold_start) AS c FROM "
    expected = {"a": "filename", "b": "file_row_number", "c": "_fold_start"}
    assert loaded.ok("sql", f"{shown} odd", "--json").json == [{"n": 4, **expected}]
    assert loaded.ok("sql", f"{shown} raw.odd", "--json").json == [{"n": 4, **expected}]
    assert loaded.equal()["odd"] == "equal"
    if key:
        loaded.sql("UPDATE odd SET b = 'c' WHERE id IN (1, 9)")
        loaded.sql("UPDATE odd SET id = 10 WHERE id = 9")
        loaded.sql("DELETE FROM odd WHERE id = 2")
    loaded.sql("INSERT INTO odd (id, filename) VALUES (5, 'x')")
    loaded.ok("capture")
    assert loaded.ok("sql", "SELECT max(length(f)) AS f FROM odd", "--json").json == [{"f": 4000}]
    assert loaded.equal()["odd"] == "equal"


def test_rows_without_key_stay_apart_in_a_resync(loaded: Shop) -> None:
    loaded.sql("CREATE TABLE odd (filename text, file_row_number int)")
    loaded.sql("INSERT INTO odd SELECT 'same', 1 FROM generate_series(1, 5)")
    loaded.ok("run")
    loaded.sql("INSERT INTO odd SELECT 'same', 1 FROM generate_series(1, 5)")
    loaded.ok("resync", "odd")
    assert loaded.equal()["odd"] == "equal"
    assert loaded.ok("sql", "SELECT count(*) AS n FROM odd", "--committed", "--json").json == [{"n": 10}]


def test_a_column_of_a_new_type_has_the_type_of_what_is_read(loaded: Shop) -> None:
    loaded.sql("UPDATE parts SET name = id + 40")
    loaded.ok("run")
    loaded.sql("ALTER TABLE parts ALTER name TYPE int USING name::int")
    loaded.ok("resync", "parts")
    committed = ("sql", "SELECT max(name) AS n FROM parts", "--committed", "--json")
    assert loaded.ok(*committed).json == [{"n": "42"}]
    assert loaded.ok("sql", "SELECT sum(name) AS n FROM parts", "--json").json == [{"n": 83}]
    assert loaded.fails("sql", "SELECT sum(name) FROM parts", "--committed").code in ("LW-506", "LW-505")
    raw = loaded.ok("sql", "SELECT DISTINCT name FROM raw.parts WHERE name > '4' ORDER BY 1", "--json").json
    assert [row["name"] for row in raw] == ["41", "42", "value-secret-7"]
    loaded.ok("merge", "parts")
    assert loaded.ok(*committed).json == [{"n": 42}]


def test_a_column_of_a_wider_type_is_read_as_that(loaded: Shop) -> None:
    loaded.sql("ALTER TABLE parts ALTER id TYPE bigint, ALTER name TYPE varchar(20)")
    loaded.sql("ALTER TABLE orders ALTER price TYPE numeric(12, 4)")
    loaded.sql("INSERT INTO parts VALUES (5000000000, 'big')")
    loaded.ok("resync", "parts")
    loaded.ok("resync", "orders")
    assert loaded.ok("sql", "SELECT sum(id) AS n FROM raw.parts", "--json").json == [{"n": 5000000006}]
    prices = loaded.ok("sql", "SELECT price FROM raw.orders WHERE id = 3", "--json").json
    assert prices == [{"price": "0.7500"}, {"price": "0.7500"}]


@pytest.mark.parametrize(("before", "after", "gone"), [("int", "bigint", True), ("int", "text", True), ("text", "int", False)])
def test_changes_are_told_over_a_new_type_of_the_key(loaded: Shop, before: str, after: str, gone: bool) -> None:
    for table in ("codes", "cleared"):
        loaded.sql(f"CREATE TABLE {table} (id {before} PRIMARY KEY); INSERT INTO {table} VALUES ('1'), ('2')")
    loaded.ok("capture")
    (moment,) = loaded.sql("SELECT (now() AT TIME ZONE 'UTC')::text")[0]
    loaded.sql("UPDATE codes SET id = '3' WHERE id = '1'; TRUNCATE cleared")
    loaded.ok("capture")
    for table in ("codes", "cleared"):
        loaded.sql(f"ALTER TABLE {table} ALTER id TYPE {after} USING id::{after}; INSERT INTO {table} VALUES ('7')")
        loaded.ok("resync", table)
    since = ("--since", moment, "--json")
    codes = loaded.ok("sql", "SELECT CAST(id AS int) AS id, _deleted FROM codes ORDER BY 1", *since).json
    assert [tuple(row.values()) for row in codes] == [(1, True)] * gone + [(2, False), (3, False), (7, False)]
    cleared = loaded.ok("sql", "SELECT CAST(id AS int) AS id, _deleted FROM cleared ORDER BY 1", *since).json
    assert [tuple(row.values()) for row in cleared] == [(1, True), (2, True)] * gone + [(7, False)]


def test_a_row_has_one_history_over_all_types_of_its_key(loaded: Shop) -> None:
    loaded.sql("UPDATE parts SET name = 'again' WHERE id = 2")
    loaded.sql("ALTER TABLE parts ADD COLUMN size int")
    loaded.sql("UPDATE parts SET size = 5 WHERE id = 2")
    loaded.ok("capture")
    loaded.sql("ALTER TABLE parts ALTER id TYPE text")
    loaded.sql("INSERT INTO parts VALUES ('two', 'new')")
    loaded.ok("resync", "parts")
    loaded.sql("TRUNCATE parts")
    loaded.ok("capture")
    history = loaded.ok("history", "parts", "--key", "2", "--json").json["changes"]
    assert [change["change"] for change in history] == ["load", "update", "update", "load", "truncate"]
    assert [change["values"].get("size") for change in history] == [None, None, 5, 5, None]
    assert [c["change"] for c in loaded.ok("history", "parts", "--key", "two", "--json").json["changes"]] == ["load", "truncate"]


# ---- folders


def test_a_folder_that_looks_like_a_partition_is_none(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "id=77" / "name=x"
    folder.mkdir(parents=True)
    (folder / "lake.yaml").write_text(LAKE)
    odd = Shop(folder, shop.url, shop.sql, capsys)
    odd.ok("capture")
    (moment,) = odd.sql("SELECT (now() AT TIME ZONE 'UTC')::text")[0]
    odd.sql("UPDATE parts SET name = 'new' WHERE id = 2")
    assert odd.equal() == {"orders": "equal", "parts": "equal"}
    assert odd.ok("sql", "SELECT max(id) AS n FROM raw.parts", "--json").json == [{"n": 2}]
    assert odd.ok("sql", "SELECT name FROM parts WHERE id = 2", "--as-of", moment, "--json").json == [{"name": None}]
    assert [change["change"] for change in odd.ok("history", "parts", "--key", "2", "--json").json["changes"]] == [
        "load",
        "update",
    ]
