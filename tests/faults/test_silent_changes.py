"""Changes in the source that no row tells of: the table stops alone, or is right, but never differs in silence.

Each case is a table of its own, so that one lake tells of all; ``{t}`` stands for its name.
"""

from __future__ import annotations

from collections.abc import Sequence

from lakewright.model import sealed
from tests.faults.conftest import Shop

PLAIN = "CREATE TABLE {t} (id int PRIMARY KEY, v int, w int); INSERT INTO {t} VALUES (1, 1, -1)"
KEYED = """CREATE TABLE {t} (id int PRIMARY KEY, k int NOT NULL UNIQUE, v int);
INSERT INTO {t} SELECT g, g, g FROM generate_series(1, 3) g"""
TYPED = """CREATE DOMAIN {t}_short AS varchar(5); CREATE DOMAIN {t}_shorter AS {t}_short CHECK (value <> '');
CREATE TYPE {t}_letter AS ENUM ('a', 'b');
CREATE TABLE {t} (id int PRIMARY KEY, v numeric(8, 2), w {t}_shorter, x timestamptz(3), y {t}_letter[])"""
GENERATED = """CREATE TABLE {t} (id int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (v * 2) STORED);
INSERT INTO {t} VALUES (1, 1)"""
ENUM = "CREATE TYPE {t}_mood AS ENUM ('good', 'bad'); CREATE TABLE {t} (id int PRIMARY KEY, v {t}_mood, w {t}_mood[])"
GOOD = f"{ENUM}; INSERT INTO {{t}} VALUES (1, 'good', '{{good}}')"
PARTITIONED = """CREATE TABLE {t} (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE {t}_one PARTITION OF {t} FOR VALUES FROM (0) TO (100);
CREATE TABLE {t}_two PARTITION OF {t} FOR VALUES FROM (100) TO (200);
INSERT INTO {t} SELECT g, g FROM generate_series(0, 190, 10) g"""
NEXT = "{t}_new FOR VALUES FROM (200) TO (300)"
EXCHANGE = "; ".join(f"ALTER TABLE {{t}} RENAME {names}" for names in ("v TO x", "w TO v", "x TO w"))
Cases = Sequence[tuple[str, ...]]


def silent(shop: Shop, cases: Cases) -> list[str]:
    """Make the tables, load them, and make each case's changes, each committed for itself; the tables' names."""
    names = [f"case_{number}" for number in range(len(cases))]
    for name, (table, *_) in zip(names, cases, strict=True):
        shop.sql(table.replace("{t}", name))
    assert set(shop.equal().values()) == {"equal"}
    for name, (_, *changes) in zip(names, cases, strict=True):
        for change in changes:
            shop.sql(change.replace("{t}", name))
    return names


def stop_until_a_resync(shop: Shop, names: Sequence[str], *, code: str = "LW-242") -> None:
    """The tables stand, the others go on, and the command that the hint names mends it, as the first of them shows."""
    shop.sql("INSERT INTO parts SELECT max(id) + 1 FROM parts")
    verdicts = shop.equal()
    assert {name: verdict for name, verdict in verdicts.items() if verdict != "equal"} == dict.fromkeys(names, "stopped")
    problems = {name: table["problem"] for name, table in shop.tables().items() if name in names}
    assert {name: (code in text, f"`lakewright resync public.{name}`" in text) for name, text in problems.items()} == (
        dict.fromkeys(names, (True, True))
    ), problems
    mended, *others = names
    shop.ok("resync", mended)
    assert {name for name, verdict in shop.equal().items() if verdict != "equal"} == set(others)


def test_columns_that_are_not_what_they_were(loaded: Shop) -> None:
    cases: Cases = [
        (PLAIN, "ALTER TABLE {t} DROP w, ADD w int"),
        (PLAIN, EXCHANGE),
        (GENERATED, "ALTER TABLE {t} ALTER g DROP EXPRESSION", "INSERT INTO {t} VALUES (2, 2, 2)"),
        (GOOD, "ALTER TYPE {t}_mood RENAME VALUE 'good' TO 'fine'"),
        (
            GOOD.replace(", w {t}_mood[]", "").replace(", '{good}'", ""),
            "ALTER TYPE {t}_mood RENAME TO {t}_old; CREATE TYPE {t}_mood AS ENUM ('good', 'bad')",
            "ALTER TABLE {t} ALTER v TYPE {t}_mood USING 'bad'::{t}_mood; DROP TYPE {t}_old",
        ),
    ]
    stop_until_a_resync(loaded, silent(loaded, cases))


def test_what_was_otherwise_while_rows_came_and_is_again_what_it_was(loaded: Shop) -> None:
    by_index = "ALTER TABLE {t} REPLICA IDENTITY USING INDEX {t}_k_key"
    default = "ALTER TABLE {t} REPLICA IDENTITY DEFAULT"
    key = "ALTER TABLE {t} DROP CONSTRAINT {t}_pkey, ADD PRIMARY KEY"
    stops: Cases = [
        (KEYED, f"BEGIN; {by_index}; UPDATE {{t}} SET id = 9 WHERE id = 1; {default}; COMMIT"),
        (KEYED, by_index, "UPDATE {t} SET id = 9 WHERE id = 1", default),
        (KEYED, by_index, "DELETE FROM {t} WHERE id = 1", default, "INSERT INTO {t} VALUES (9, 9)"),
        (KEYED, f"{key} (k)", "UPDATE {t} SET id = 9 WHERE id = 1", f"{key} (id)"),
        (
            KEYED,
            "CREATE TYPE {t}_type AS ENUM ('2'); ALTER TABLE {t} ALTER v TYPE {t}_type USING '2'",
            "INSERT INTO {t} VALUES (9, 9)",
            "ALTER TABLE {t} ALTER v TYPE int USING v::text::int; DROP TYPE {t}_type",
        ),
        (KEYED, f"{key} (k, id)", "UPDATE {t} SET id = 9 WHERE id = 1", f"{key} (id)"),
    ]
    full = "ALTER TABLE {t} REPLICA IDENTITY FULL"
    goes_on: Cases = [
        (
            KEYED,
            full,
            "UPDATE {t} SET id = 9 WHERE id = 1; DELETE FROM {t} WHERE id = 2",
            default,
            "DELETE FROM {t} WHERE id = 3",
        ),
        (  # loaded by itself
            KEYED,
            "ALTER TABLE {t} ALTER v TYPE bigint USING v + 1",
            "INSERT INTO {t} VALUES (9, 9)",
            "ALTER TABLE {t} ALTER v TYPE int",
        ),
        (TYPED, "INSERT INTO {t} VALUES (2, 2, 'two', now(), '{b}')", "UPDATE {t} SET v = 3"),
        (KEYED, by_index, default, "UPDATE {t} SET id = 9 WHERE id = 1; DELETE FROM {t} WHERE id = 2"),
    ]
    names = silent(loaded, [*stops, *goes_on])
    stop_until_a_resync(loaded, names[: len(stops)])


def test_a_name_that_a_table_gave_away_while_rows_came_and_has_again(loaded: Shop) -> None:
    changed = "UPDATE {t}_x SET v = 9 WHERE id = 1; INSERT INTO {t}_x VALUES (9, 9, 9); DELETE FROM {t}_x WHERE id = 2"
    there, back = "ALTER TABLE {t} RENAME TO {t}_x", "ALTER TABLE {t}_x RENAME TO {t}"
    lent = "; ".join(f"ALTER TABLE {names}" for names in ("case_4 RENAME TO lent", "case_3 RENAME TO case_4"))
    returned = "; ".join(f"ALTER TABLE {names}" for names in ("case_4 RENAME TO case_3", "lent RENAME TO case_4"))
    cases: Cases = [
        (KEYED, there, changed, back),
        (KEYED, there, changed, back, "UPDATE {t} SET v = 5"),
        (
            KEYED,
            "CREATE SCHEMA aside; ALTER TABLE {t} SET SCHEMA aside",
            "UPDATE aside.{t} SET v = 9",
            "ALTER TABLE aside.{t} SET SCHEMA public",
        ),
        (KEYED, lent, "INSERT INTO case_4 VALUES (9, 9, 9)", returned),
        (KEYED, "UPDATE {t} SET v = 5"),
    ]
    stop_until_a_resync(loaded, silent(loaded, cases), code="LW-243")


def test_a_column_with_values_in_older_rows(loaded: Shop) -> None:
    dropped = "ALTER TABLE {t} ALTER u DROP DEFAULT"
    stops: Cases = [
        (PLAIN, "ALTER TABLE {t} ADD u float DEFAULT random()", dropped),
        (PLAIN, "ALTER TABLE {t} ADD u int DEFAULT 7", dropped, "VACUUM FULL {t}"),
        (PARTITIONED, "ALTER TABLE {t} ADD u int DEFAULT 7", dropped, "VACUUM FULL {t}"),
        (PARTITIONED, "ALTER TABLE {t} ADD u int DEFAULT 7", "VACUUM FULL {t}_one"),
        (PARTITIONED, "ALTER TABLE {t} ADD u float DEFAULT random()"),
        (PLAIN, "ALTER TABLE {t} ADD u float DEFAULT random()", dropped, "INSERT INTO {t} VALUES (2, 2, 2, 2)"),
    ]
    goes_on: Cases = [
        (PLAIN, "ALTER TABLE {t} ADD u int DEFAULT 7", dropped, "INSERT INTO {t} VALUES (2, 2, 2, 2)"),
        (PLAIN, "ALTER TABLE {t} ADD u int", "VACUUM FULL {t}", "INSERT INTO {t} VALUES (2, 2, 2, 2)"),
        (PLAIN, "TRUNCATE {t}", "ALTER TABLE {t} ADD u int"),
        (PARTITIONED, "ALTER TABLE {t} ADD u int", "INSERT INTO {t} VALUES (2, 2, 2)"),
        (PARTITIONED, "ALTER TABLE {t} ADD u int DEFAULT 7"),
        (
            PARTITIONED,
            "ALTER TABLE {t} ADD u int DEFAULT 7",
            f"CREATE TABLE {NEXT.replace('_new', '_new PARTITION OF {t}')}; INSERT INTO {{t}} VALUES (200, 1)",
        ),
        (PARTITIONED, "ALTER TABLE {t} ADD u int DEFAULT 7", dropped),
        (PARTITIONED, "ALTER TABLE {t} ADD u text NOT NULL DEFAULT '7, NULL'", "INSERT INTO {t} VALUES (2, 2, 2)"),
        (
            PARTITIONED,
            f"CREATE TABLE {NEXT.replace('_new', '_new PARTITION OF {t}')}; INSERT INTO {{t}} VALUES (200, 1)",
            "ALTER TABLE {t} ADD u timestamptz DEFAULT now()",
            "UPDATE {t} SET v = 5 WHERE id IN (0, 200)",
        ),
    ]
    names = silent(loaded, [*stops, *goes_on])
    stop_until_a_resync(loaded, names[: len(stops)])


def test_a_new_value_of_an_enum_goes_on(loaded: Shop) -> None:
    names = silent(loaded, [(GOOD, "ALTER TYPE {t}_mood ADD VALUE 'new' BEFORE 'bad'", "INSERT INTO {t} VALUES (2, 'new')")])
    assert set(loaded.equal().values()) == {"equal"}
    # The new value is known from then on.
    loaded.sql("ALTER TYPE case_0_mood RENAME VALUE 'new' TO 'newer'")
    stop_until_a_resync(loaded, names)


def test_schemas_without_the_facts_to_compare_take_them_over(loaded: Shop) -> None:
    names = silent(loaded, [(PLAIN,), (PARTITIONED,)])
    for path in loaded.files("raw/database/shop/_schemas/public/*/*.json"):
        stored = sealed.load(path.read_bytes())
        for name in ("attributes", "seen", "heaps", "emptied"):
            del stored[name]
        for column in stored["columns"]:
            del column["number"], column["labels"]
        path.write_bytes(sealed.dump(stored))
    loaded.sql("ALTER TABLE case_1 ADD more int; INSERT INTO case_1 VALUES (1)")
    assert set(loaded.equal().values()) == {"equal"}
    loaded.sql(EXCHANGE.replace("{t}", "case_0"))
    loaded.sql("DROP TABLE case_1_one")
    stop_until_a_resync(loaded, names)


def test_rows_that_come_or_go_with_a_partition(loaded: Shop) -> None:
    cases: Cases = [
        (PARTITIONED, "DROP TABLE {t}_one"),
        (PARTITIONED, "ALTER TABLE {t} DETACH PARTITION {t}_one"),
        (PARTITIONED, "TRUNCATE {t}_one"),
        (PARTITIONED, "BEGIN; TRUNCATE {t}_one; INSERT INTO {t}_one VALUES (1, 1); COMMIT"),
        (PARTITIONED, "TRUNCATE {t}_one, {t}_two"),
        (PARTITIONED, "TRUNCATE {t}", "INSERT INTO {t} VALUES (1, 1)", "TRUNCATE {t}_one"),
        (
            PARTITIONED,
            "CREATE TABLE {t}_new AS SELECT 200 AS id, 1 AS v; ALTER TABLE {t}_new ALTER id SET NOT NULL",
            f"ALTER TABLE {{t}} ATTACH PARTITION {NEXT}",
        ),
        (
            PARTITIONED,
            "BEGIN; CREATE TABLE {t}_new (LIKE {t}); INSERT INTO {t}_new VALUES (200, 1); "
            f"ALTER TABLE {{t}} ATTACH PARTITION {NEXT}; COMMIT",
        ),
    ]
    stop_until_a_resync(loaded, silent(loaded, cases))


def test_the_life_of_partitions_goes_on(loaded: Shop) -> None:
    new = "CREATE TABLE " + NEXT.replace("_new", "_new PARTITION OF {t}")
    attach = f"ALTER TABLE {{t}} ATTACH PARTITION {NEXT}"
    cases: Cases = [
        (PARTITIONED, new),
        (PARTITIONED, new, "INSERT INTO {t} VALUES (200, 1)", "UPDATE {t} SET v = 2"),
        (PARTITIONED, f"BEGIN; {new}; INSERT INTO {{t}}_new VALUES (200, 1); COMMIT"),
        (PARTITIONED, f"BEGIN; CREATE TABLE {{t}}_new (LIKE {{t}}); {attach}; INSERT INTO {{t}}_new VALUES (200, 1); COMMIT"),
        (PARTITIONED, "CREATE TABLE {t}_new (LIKE {t})", attach),
        (PARTITIONED, "VACUUM FULL {t}_one"),
        (PARTITIONED, "CLUSTER {t}_one USING {t}_one_pkey"),
        (PARTITIONED, "REINDEX TABLE {t}_one"),
        (PARTITIONED, "TRUNCATE {t}"),
        (PARTITIONED, "TRUNCATE {t}", "INSERT INTO {t} VALUES (1, 1)", "TRUNCATE {t}", "INSERT INTO {t} VALUES (2, 2)"),
    ]
    names = silent(loaded, cases)
    for number in (3, 4):
        assert set(loaded.equal().values()) == {"equal"}
        for name in names:
            loaded.sql(f"INSERT INTO {name} VALUES ({number}, 1)")
    # What the catalog said was taken up: it is compared with next.
    for name in names:
        loaded.sql(f"TRUNCATE {name}_one")
    stop_until_a_resync(loaded, names)


def test_a_publication_that_left_changes_out(loaded: Shop) -> None:
    ours = f"PUBLICATION {loaded.sql('SELECT pubname FROM pg_publication WHERE pubupdate')[0][0]}"
    again = (f"ALTER {ours} DROP TABLE {{t}}", "UPDATE {t} SET v = 5", f"ALTER {ours} ADD TABLE {{t}}")
    cases: Cases = [
        (PLAIN, f"ALTER {ours} DROP TABLE {{t}}", f"ALTER {ours} ADD TABLE {{t}} WHERE (id > 5)"),
        (PLAIN, f"ALTER {ours} DROP TABLE {{t}}", f"ALTER {ours} ADD TABLE {{t}} (id, v)"),
        (PLAIN, *again),
        (PLAIN, f"ALTER {ours} DROP TABLE {{t}}"),
    ]
    names = silent(loaded, cases)
    stop_until_a_resync(loaded, names, code="LW-226")
    loaded.sql(f"INSERT INTO {names[0]} VALUES (2), (6); DELETE FROM {names[0]} WHERE id = 1")
    assert loaded.equal()[names[0]] == "equal"


def test_a_publication_that_left_operations_out(loaded: Shop) -> None:
    (name,) = loaded.sql("SELECT pubname FROM pg_publication WHERE pubupdate")[0]
    for options in ("publish = 'insert'", "publish_via_partition_root = false"):
        loaded.sql(f"ALTER PUBLICATION {name} SET ({options})")
        loaded.sql("UPDATE orders SET price = price + 1")
        assert set(loaded.equal().values()) == {"stopped"}
        loaded.ok("apply")
        loaded.ok("resync", "orders")
        loaded.ok("resync", "parts")
        assert set(loaded.equal().values()) == {"equal"}
    loaded.sql(f"ALTER PUBLICATION {name} SET (publish = 'insert')")
    loaded.sql("DELETE FROM orders WHERE id = 1")
    loaded.ok("apply")
    assert set(loaded.equal().values()) == {"stopped"}
