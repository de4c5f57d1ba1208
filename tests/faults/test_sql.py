"""Statements and names that are wrong."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Shop


@pytest.mark.parametrize(
    ("statement", "code", "place", "words"),
    [
        ("SELECT * FROM ordres", "LW-503", "1:15", ("ordres", "did you mean orders?")),
        ("SELECT nmae FROM orders", "LW-504", "1:8", ("nmae", "did you mean name?")),
        ("SELECT *\nFROM orders WHERE", "LW-500", "2:13", ()),
        ("SELECT 1; SELECT 2", "LW-501", "1:18", ()),
        ("DROP TABLE orders", "LW-501", "1:1", ()),
        ("CREATE TABLE x AS SELECT 1", "LW-501", "1:1", ()),
        ("SELECT * FROM read_parquet('/etc/passwd')", "LW-502", "1:15", ("read_parquet",)),
        ("SELECT * FROM '/etc/passwd'", "LW-503", "1:15", ()),
        ("SELECT pg_sleep(1)", "LW-505", "1:8", ("pg_sleep",)),
        ("SELECT CAST(name AS integer) FROM orders", "LW-508", None, ()),
    ],
)
def test_a_wrong_statement_is_told_with_its_place(
    loaded: Shop, statement: str, code: str, place: str | None, words: tuple[str, ...]
) -> None:
    ran = loaded.run("sql", statement)
    told = loaded.fails("sql", statement)
    assert (told.code, told.where) == (code, place), ran.err
    assert [word for word in words if word not in f"{told.message} {told.hint}"] == []
    if place:
        shown, carets = ran.err.splitlines()[2:4]
        column = int(place.partition(":")[2])
        assert shown[4:] == statement.splitlines()[int(place[0]) - 1]
        assert (carets[4:].index("^") + 1, set(carets) - {" ", "^"}) == (column, set())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("sql", "SELECT * FROM orders", "--as-of", "yesterday"), "LW-521", ("yesterday",)),
        (("sql", "SELECT * FROM orders", "--as-of", ""), "LW-521", ("''",)),
        (("sql", "@daer"), "LW-120", ("daer",)),
        (("sql", "--file", "none.sql"), "LW-123", ("none.sql",)),
        (("merge", "ordres"), "LW-524", ("ordres", "did you mean orders?")),
        (("history", "ordres"), "LW-524", ("ordres", "did you mean orders?")),
        (("schema", "ordres"), "LW-524", ("ordres", "did you mean orders?")),
        (("resync", "ordres"), "LW-524", ("ordres", "did you mean orders?")),
        (("history", "orders", "--key", "id=x"), "LW-530", ("orders",)),
        (("history", "orders", "--key", "x"), "LW-530", ("orders",)),
    ],
)
def test_a_wrong_name_or_time_is_told(loaded: Shop, arguments: tuple[str, ...], code: str, words: tuple[str, ...]) -> None:
    told = loaded.fails(*arguments)
    assert (told.code, bool(told.hint)) == (code, True), told
    assert [word for word in words if word not in f"{told.message} {told.hint}"] == []


def test_a_wrong_command_line_exits_with_2(shop: Shop) -> None:
    told = shop.fails("megre", exit_code=2)
    assert (told.code, "megre" in told.message, "--help" in (told.hint or "")) == ("LW-130", True, True)


def test_reading_before_the_first_load(shop: Shop) -> None:
    told = shop.fails("sql", "SELECT * FROM orders")
    assert (told.code, "lakewright" in (told.hint or "")) == ("LW-503", True)
    shop.ok("capture")
    told = shop.fails("sql", "SELECT * FROM orders", "--committed")
    assert (told.code, told.hint) == ("LW-522", "`lakewright merge orders`")
