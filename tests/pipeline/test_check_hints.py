"""What `check` says helps where tables are not equal to their source."""

from __future__ import annotations

import pytest

from lakewright.errors import CheckFailed, NotLoaded, SourceError
from lakewright.model.position import Position
from lakewright.pipeline.check import CheckReport, Comparison, _failed
from lakewright.pipeline.steps import TableCheck

EQUAL = TableCheck("a", "equal", 1, 1)
UNLOADED = _failed("b", NotLoaded("b"))
OTHER = _failed("c", SourceError("LW-242", "it is gone"))


@pytest.mark.parametrize(
    ("tables", "hint"), [([EQUAL, UNLOADED], "doctor"), ([UNLOADED, OTHER], "resync"), ([EQUAL, OTHER], "resync")]
)
def test_a_table_that_was_never_loaded_needs_no_resync(tables: list[TableCheck], hint: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        Comparison.of([CheckReport("s", Position(1), tuple(tables))]).require_equal()
    assert caught.value.hint is not None
    assert f"lakewright {hint}" in caught.value.hint
