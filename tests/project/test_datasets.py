"""The definitions of datasets that a project keeps."""

from __future__ import annotations

import threading

import pytest

from lakewright.errors import ConfigError
from lakewright.project.datasets import DatasetFiles
from lakewright.sources.files.dataset import Dataset, Dialect, FileColumn


def test_a_definition_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "datasets").write_text("no folder")
    with pytest.raises(ConfigError) as caught:
        DatasetFiles(tmp_path).keep(Dataset("orders", Dialect(), (FileColumn("id", "id", "int"),)), "orders.csv")
    assert (caught.value.code, "datasets/orders.yaml" in caught.value.message, bool(caught.value.hint)) == ("LW-114", True, True)


def test_several_that_keep_a_definition_do_not_meet_and_the_first_stays(tmp_path):
    barrier, faults = threading.Barrier(8), []

    def keep(number: int) -> None:
        barrier.wait()
        try:
            DatasetFiles(tmp_path).keep(Dataset("orders", Dialect(), (FileColumn("id", "id", "int"),), rows=number), "orders.csv")
        except ConfigError as error:
            faults.append(error)

    for _ in range(20):
        threads = [threading.Thread(target=keep, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        path = tmp_path / "datasets" / "orders.yaml"
        assert ([*path.parent.iterdir()], faults) == ([path], [])
        kept = path.read_text()
        DatasetFiles(tmp_path).keep(Dataset("orders", Dialect(), (FileColumn("n", "n", "int"),)), "orders.csv")
        assert path.read_text() == kept
        path.unlink()


@pytest.mark.parametrize(
    ("columns", "line", "told"),
    [
        ("- {name: _line, source_name: a, type: int}\n", 3, "_line is a name of the lake's own"),
        ("- {name: op, source_name: a, type: int}\n", 3, "op is a name of the lake's own"),
        ("- {name: _hoodie_x, source_name: a, type: int}\n", 3, "_hoodie_x is a name of the lake's own"),
        ("- {name: a, source_name: a, type: int}\n- {name: a, source_name: b, type: int}\n", 4, "two columns have the name a"),
    ],
)
def test_a_column_whose_name_is_taken_is_refused(tmp_path, columns, line, told):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "orders.yaml").write_text(f"name: orders\ncolumns:\n{columns}")
    with pytest.raises(ConfigError) as caught:
        DatasetFiles(tmp_path).get("orders")
    assert (caught.value.code, str(caught.value.where).rsplit(":", 1)[1]) == ("LW-104", str(line))
    assert told in caught.value.message
    assert "name it otherwise" in caught.value.hint
