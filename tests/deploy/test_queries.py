"""Saved queries as Athena's: the text as it stands, tables as the catalog names them; what Athena cannot run is left out."""

from __future__ import annotations

import pytest

from lakewright.deploy.render import render
from lakewright.deploy.target import targets


def _render(project, **queries):
    (project.folder / "queries").mkdir()
    for name, text in queries.items():
        (project.folder / "queries" / f"{name}.sql").write_text(text)
    rendered = render(targets(project, ["dev"]), write=True)
    folder = project.folder / "live" / "dev" / "rendered" / "queries"
    left_out = tuple(left for left in rendered.left_out if left.name.startswith("query "))
    return {path.stem: path.read_text() for path in sorted(folder.glob("*"))}, left_out


@pytest.mark.parametrize(
    ("text", "athena"),
    [
        ("-- All.\nSELECT * FROM order_line l", "-- All.\nSELECT * FROM order_line l"),
        ("SELECT * FROM curated.order_line", "SELECT * FROM shop_dev_curated.order_line"),
        ("SELECT * FROM quarantine_people", "SELECT * FROM shop_dev_quarantine.quarantine_people"),
        ("SELECT * FROM quarantine.quarantine_people", "SELECT * FROM shop_dev_quarantine.quarantine_people"),
        ("SELECT stock.id FROM stock", "SELECT stock.id FROM stock_rt AS stock"),
        ("SELECT s.id FROM stock_ro AS s", "SELECT s.id FROM stock_ro AS s"),
        ("WITH stock AS (SELECT 1 AS id) SELECT id FROM stock", "WITH stock AS (SELECT 1 AS id) SELECT id FROM stock"),
    ],
)
def test_of_a_query_only_names_change(project, text, athena):
    assert _render(project, mine=text) == ({"mine": athena}, ())


def test_a_table_that_is_cow_on_aws_has_one_name(change):
    project = change("  region: eu-west-1\n", "  region: eu-west-1\n  cow: [stock]\n")
    texts, _ = _render(project, mine="SELECT id FROM stock_ro")
    assert texts == {"mine": "SELECT id FROM stock AS stock_ro"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "SELECT * FROM stock FOR TIMESTAMP AS OF TIMESTAMP '2026-03-01 12:00:00'",
            "as of a time: Athena reads",
        ),
        ("SELECT * FROM raw.stock", "there is no table raw.stock on AWS"),
        ("SELECT * FROM nowhere", "there is no table nowhere on AWS"),
        ("SELECT FROM WHERE", "syntax error"),
    ],
)
def test_what_athena_cannot_run_is_left_out_with_the_reason(project, text, reason):
    texts, left_out = _render(project, good="SELECT 1", bad=text)
    assert [*texts] == ["good"]
    assert [(left.name, reason in left.reason) for left in left_out] == [("query bad", True)]
