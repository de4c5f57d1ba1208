"""demo.yaml."""

from __future__ import annotations

import pytest

from lakewright.demo.settings import load_demo
from lakewright.errors import ConfigError

DEMO = """\
seed: [seed/schema.sql, seed/data.sql]
workload: {script: seed/workload.sql, rate: 50, seconds: 10}
follow:
  table: orders
  key: {id: 5}
  insert: INSERT INTO orders VALUES (5)
  update: UPDATE orders SET id = 5
  delete: DELETE FROM orders WHERE id = 5
exports:
  source: files
  files: [{file: a.csv, query: seed/a.sql}]
  corrected: [a.csv]
queries: [top]
"""


def test_it_is_read(tmp_path):
    (tmp_path / "demo.yaml").write_text(DEMO)
    demo = load_demo(tmp_path)
    assert (demo.seed, demo.workload.rate, demo.follow.key, demo.queries) == (
        ["seed/schema.sql", "seed/data.sql"],
        50,
        {"id": 5},
        ["top"],
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "word"),
    [
        ("rate: 50", "rate: 0", 2, "not greater than 0"),
        ("  key: {id: 5}\n", "", 3, "follow.key"),
        ("seed:", "sed:", 1, "unknown"),
        ("corrected: [a.csv]", "corrected: [b.csv]", 12, "b.csv is none of the files"),
    ],
)
def test_faults_have_their_line(tmp_path, old, new, line, word):
    (tmp_path / "demo.yaml").write_text(DEMO.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_demo(tmp_path)
    told = [f"{caught.value.where}: {caught.value.message}", *getattr(caught.value, "__notes__", [])]
    assert any(f"demo.yaml:{line}" in text and word in text for text in told)
