"""The demonstration of a folder with a database and files: what it says, and that it notices what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakewright.demo.exports import Exports
from lakewright.demo.run import run
from lakewright.demo.settings import Demo, load_demo
from lakewright.errors import SourceError
from lakewright.pipeline.lake import Lake
from tests.conftest import Sql

LAKE = """\
lake: demonstrated
sources:
  shop: {{kind: postgres, url: "{url}", slot: demonstrated}}
  exports:
    kind: files
    path: in
    every: 250ms
    settle: 100ms
    datasets:
      people: {{files: people.csv, mode: snapshot}}
      visits: {{files: visits/*.csv, limit: 1}}
      stock: {{files: stock.csv, mode: upsert, key: [sku]}}
"""
DEMO = """\
seed: [seed.sql]
workload: {script: step.sql, rate: 20, seconds: 1}
follow:
  table: orders
  key: {id: 5}
  insert: INSERT INTO orders VALUES (5, 1)
  update: UPDATE orders SET amount = 2 WHERE id = 5
  delete: DELETE FROM orders WHERE id = 5
exports:
  source: exports
  files:
    - {file: people.csv, query: people.sql}
    - {file: visits/a.csv, query: visits.sql}
    - {file: visits/b.csv, query: visits.sql}
    - {file: stock.csv, query: stock.sql}
  corrected: [visits/b.csv]
  queries: [top]
"""
SQL = {
    "seed.sql": "CREATE TABLE orders (id int PRIMARY KEY, amount int)",
    "step.sql": "INSERT INTO orders VALUES (100 + current_setting('lakewright.step')::int, 1)",
    "people.sql": "SELECT E'id,name\\n' UNION ALL SELECT i || E',n\\n' FROM generate_series(1, "
    "(10 * current_setting('lakewright.scale')::numeric)::int) i",
    "stock.sql": "VALUES (convert_to(E'sku,n\\n', 'UTF8')), (E'a,1\\n'::bytea), (E'b,2\\n'::bytea), (E'a,3\\n'::bytea)",
    "visits.sql": "VALUES (E'day,page\\n'), (E'2025-01-01,' || current_setting('lakewright.file') || E'\\n'), "
    "(CASE WHEN current_setting('lakewright.corrected') = 'true' THEN E'2025-01-02,b\\n' ELSE E'2025-01-02,b,c\\n' END)",
    "queries/top.sql": "SELECT 1",
}


@pytest.fixture
def folder(tmp_path: Path, url: str) -> Path:
    (tmp_path / "queries").mkdir()
    for name, text in {"lake.yaml": LAKE.format(url=url), "demo.yaml": DEMO, **SQL}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_every_row_of_a_file_is_told_of(folder: Path) -> None:
    said: list[str] = []
    shown: list[str] = []
    reports = run(folder, load_demo(folder), 2, said.append, lambda _, name: shown.append(name))
    assert [(report.source, report.equal, len(report.tables)) for report in reports] == [("exports", 6, 6), ("shop", 1, 1)]
    corrected = said.index("the same file corrected: its rows replace those of the former version")
    assert said[corrected - 4 : corrected] == [
        "  people.csv: 20 rows = 20 in people + 0 in quarantine_people",
        "  visits/a.csv: 2 rows = 1 in visits + 1 in quarantine_visits",
        "  visits/b.csv: 2 rows = 1 in visits + 1 in quarantine_visits",
        "  stock.csv: 3 rows, 0 of them in quarantine_stock",
    ]
    assert said[corrected + 1] == "  visits/b.csv: 2 rows = 2 in visits + 0 in quarantine_visits"
    assert [line for line in said if line.startswith("verified") and line.endswith("of 7 tables: no fault")]
    assert (said[-1].startswith("  orders: equal"), shown) == (True, ["top"])


def test_a_file_that_waits_is_not_passed_over(folder: Path, url: str, sql: Sql) -> None:
    sql(SQL["seed.sql"])
    (folder / "visits.sql").write_text("VALUES (E'day,page\\n'), (E'1,a\\n'), (E'2,b\\n'), (E'3,c,c\\n'), (E'4,d,d\\n')")
    with Lake.open(folder) as lake:
        demo: Demo = load_demo(folder)
        assert demo.exports is not None
        files = Exports(lake, url, demo.exports, 1)
        sent = files.send(lambda _: None)
        lake.capture()
        with pytest.raises(SourceError, match=r"visits/a.csv has 4 rows, and 0 are in the lake") as caught:
            files.follow(sent, lambda _: None, lambda lake, name: None)
        assert caught.value.code == "LW-270"
