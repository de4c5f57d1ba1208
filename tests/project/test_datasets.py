"""The definitions of datasets that a project keeps."""

from __future__ import annotations

import pytest

from lakewright.errors import ConfigError
from lakewright.project.datasets import DatasetFiles
from lakewright.sources.files.dataset import Dataset, Dialect, FileColumn


def test_a_definition_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "datasets").write_text("no folder")
    with pytest.raises(ConfigError) as caught:
        DatasetFiles(tmp_path).keep(Dataset("orders", Dialect(), (FileColumn("id", "id", "int"),)), "orders.csv")
    assert (caught.value.code, "datasets/orders.yaml" in caught.value.message, bool(caught.value.hint)) == ("LW-114", True, True)
