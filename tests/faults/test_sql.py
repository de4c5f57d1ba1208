"""Statements and names that are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakewright.cli.main import main
from lakewright.sources.postgres.embedded import EmbeddedPostgres
from tests.conftest import fresh_database, run_sql
from tests.faults.conftest import Shop, open_shop, reach


@pytest.fixture(scope="module")
def _shared(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The folder of a lake that was captured and merged once, and the URL of its database."""
    folder = tmp_path_factory.mktemp("shop")
    with fresh_database(server) as url, pytest.MonkeyPatch.context() as patch:
        open_shop(folder, url, patch)
        assert main(["-C", str(folder), "run"]) == 0
        yield folder, url


@pytest.fixture
def loaded(_shared: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    """That lake, which the statements here do not change."""
    folder, url = _shared
    reach(url, monkeypatch)
    return Shop(folder, url, lambda statement: run_sql(url, statement), capsys)


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
