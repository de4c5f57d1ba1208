"""What `check` says helps where tables are not equal to their source."""

from __future__ import annotations

import pytest

from lakewright.errors import CheckFailed, NotLoaded, StorageError
from lakewright.model.position import Position
from lakewright.pipeline.check import CheckReport, Comparison, _failed
from lakewright.pipeline.steps import TableCheck

EQUAL = TableCheck("a", "equal", 1, 1)
UNLOADED = _failed("b", NotLoaded("b"))
DENIED = _failed("c", StorageError("LW-305", "access denied", hint="give the user the right to read the folder"))
DIFFERENT = TableCheck("d", "different", 1, 2)


@pytest.mark.parametrize(
    ("tables", "hint"),
    [
        ([EQUAL, UNLOADED], "`lakewright doctor`"),
        ([EQUAL, DIFFERENT, DENIED], "`lakewright resync TABLE`"),
        ([EQUAL, DENIED], "what is said of each table"),
        ([UNLOADED, DENIED], "what is said of each table"),
    ],
)
def test_the_hint_is_one_that_helps_what_failed(tables: list[TableCheck], hint: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        Comparison.of([CheckReport("s", Position(1), tuple(tables))]).require_equal()
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(hint)


def test_a_table_that_cannot_be_compared_is_told_with_what_helps() -> None:
    assert DENIED.detail == "access denied (LW-305); give the user the right to read the folder"
