"""Changes in the source that no row tells of: the table stops alone, or is right, but never differs in silence."""

from __future__ import annotations

import json

import pytest

from tests.faults.conftest import Shop

ENUM = "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE changed (id int PRIMARY KEY, v mood)"
GENERATED = "CREATE TABLE changed (id int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (v * 2) STORED)"
PLAIN = "CREATE TABLE changed (id int PRIMARY KEY, v int, w int)"
EXCHANGE = "; ".join(f"ALTER TABLE changed RENAME {names}" for names in ("v TO x", "w TO v", "x TO w"))


@pytest.mark.parametrize(
    ("table", "rows", "change"),
    [
        (PLAIN, "1, 1, -1", "ALTER TABLE changed DROP w, ADD w int"),
        (PLAIN, "1, 1, -1", EXCHANGE),
        (GENERATED, "1, 1", "ALTER TABLE changed ALTER g DROP EXPRESSION; INSERT INTO changed VALUES (2, 2, 2)"),
        (ENUM, "1, 'good'", "ALTER TYPE mood RENAME VALUE 'good' TO 'fine'"),
        (
            ENUM,
            "1, 'good'",
            """ALTER TYPE mood RENAME TO old; CREATE TYPE mood AS ENUM ('good', 'bad');
            ALTER TABLE changed ALTER v TYPE mood USING 'bad'::mood; DROP TYPE old""",
        ),
    ],
)
def test_a_change_that_no_row_tells_stops_the_table(loaded: Shop, table: str, rows: str, change: str) -> None:
    loaded.sql(f"{table}; INSERT INTO changed VALUES ({rows})")
    assert loaded.equal()["changed"] == "equal"
    loaded.sql(change)
    stopped_until_a_resync(loaded)


def stopped_until_a_resync(shop: Shop) -> None:
    """The table stands alone, the others go on, and the command that the hint names mends it."""
    shop.sql("INSERT INTO parts SELECT max(id) + 1 FROM parts")
    verdicts = shop.equal()
    assert verdicts == {"orders": "equal", "parts": "equal", "changed": "stopped"}
    problem = shop.tables()["changed"]["problem"]
    assert ("LW-242" in problem, "`lakewright resync public.changed`" in problem) == (True, True), problem
    shop.ok("resync", "public.changed")
    assert set(shop.equal().values()) == {"equal"}


def test_a_new_value_of_an_enum_goes_on(loaded: Shop) -> None:
    loaded.sql(f"{ENUM}; INSERT INTO changed VALUES (1, 'good')")
    assert loaded.equal()["changed"] == "equal"
    loaded.sql("ALTER TYPE mood ADD VALUE 'new' BEFORE 'bad'")
    loaded.sql("INSERT INTO changed VALUES (2, 'new')")
    assert loaded.equal()["changed"] == "equal"
    # The new value is known from then on.
    loaded.sql("ALTER TYPE mood RENAME VALUE 'new' TO 'newer'")
    stopped_until_a_resync(loaded)


def test_schemas_without_the_facts_to_compare_take_them_over(loaded: Shop) -> None:
    loaded.sql(f"{PLAIN}; INSERT INTO changed VALUES (1, 1, -1)")
    assert loaded.equal()["changed"] == "equal"
    for path in loaded.files("raw/database/shop/_schemas/public/*/*.json"):
        stored = json.loads(path.read_text())
        for name in ("attributes", "seen"):
            del stored[name]
        for column in stored["columns"]:
            del column["number"], column["labels"]
        path.write_text(json.dumps(stored))
    assert set(loaded.equal().values()) == {"equal"}
    loaded.sql(EXCHANGE)
    stopped_until_a_resync(loaded)
