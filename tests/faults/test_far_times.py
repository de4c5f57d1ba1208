"""Dates and timestamps of years that Python's calendar does not have: before 1 and after 9999."""

from __future__ import annotations

from tests.faults.conftest import Shop

EQUAL = {"ages": "equal", "orders": "equal", "parts": "equal"}


def test_far_years_are_captured_shown_and_told(shop: Shop) -> None:
    shop.sql("CREATE TABLE ages (d date PRIMARY KEY, at timestamptz, local timestamp, ds date[])")
    shop.sql(
        "INSERT INTO ages VALUES ('0044-03-15 BC', '0044-03-15 12:30:00.5+00 BC', '0001-01-01 BC', '{0044-03-15 BC}'),"
        " ('12026-02-28', '12026-02-28 01:02:03+00', '10000-01-01', NULL), ('5874897-12-31', '-infinity', 'infinity', NULL)"
    )
    shop.ok("run")
    shop.sql("INSERT INTO ages VALUES ('4713-01-01 BC', '294276-12-31 23:59:59+00', '0753-04-21 BC', NULL)")
    shop.sql(
        "ALTER TABLE ages ADD founded date DEFAULT '0753-04-21 BC', ADD stamped timestamptz DEFAULT '20000-01-01 00:00:00+00'"
    )
    shop.sql("UPDATE ages SET local = '0002-01-01 BC' WHERE d = '0044-03-15 BC'")
    assert shop.equal() == EQUAL
    query = "SELECT d, at, local, founded, stamped, ARRAY[d] AS l FROM ages ORDER BY d"
    rows = shop.ok("sql", query, "--json").json
    assert [row["d"] for row in rows] == ["-4712-01-01", "-0043-03-15", "12026-02-28", "5874897-12-31"]
    assert rows[1]["at"] == "-0043-03-15T12:30:00.500000"
    assert [row["local"] for row in rows[:3]] == ["-0752-04-21T00:00:00", "-0001-01-01T00:00:00", "10000-01-01T00:00:00"]
    assert (rows[1]["founded"], rows[1]["stamped"], rows[1]["l"]) == ("-0752-04-21", "20000-01-01T00:00:00", ["-0043-03-15"])
    for form in ("box", "csv"):
        shown = shop.ok("sql", query, "--format", form).out
        assert "-0043-03-15 12:30:00.500" in shown
        assert "12026-02-28 01:02:03.000" in shown
        assert "[-0043-03-15]" in shown
    texts = "CAST(d AS varchar), to_iso8601(d), CAST(local AS varchar), to_iso8601(local)"
    texts += ", CAST(CAST(date_trunc('second', at) AS timestamp(0)) AS varchar)"
    cells = [list(row.values()) for row in shop.ok("sql", f"SELECT {texts} FROM ages ORDER BY d", "--json").json]
    assert cells[0] == ["-4712-01-01"] * 2 + ["-0752-04-21 00:00:00.000", "-0752-04-21T00:00:00.000", "9999-12-31 23:59:59"]
    assert cells[1] == ["-0043-03-15"] * 2 + ["-0001-01-01 00:00:00.000", "-0001-01-01T00:00:00.000", "-0043-03-15 12:30:00"]
    assert cells[2] == ["12026-02-28"] * 2 + ["10000-01-01 00:00:00.000", "10000-01-01T00:00:00.000", "12026-02-28 01:02:03"]
    changes = shop.ok("history", "ages", "--key", "d=-0043-03-15", "--json").json["changes"]
    assert [change["values"]["d"] for change in changes] == ["-0043-03-15"] * 2
    assert "-0043-03-15" in shop.ok("history", "ages", "--key", "d=-0043-03-15").out
