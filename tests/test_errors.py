"""Errors as text."""

from __future__ import annotations

import pytest

from lakewright.errors import ConfigError, SourceError, together


@pytest.mark.parametrize(
    ("hint", "line"),
    [("create it", "there is no table t (LW-227); create it"), (None, "there is no table t (LW-227)")],
)
def test_an_error_is_one_line(hint, line):
    error = SourceError("LW-227", "there is no table t", hint=hint)
    assert error.line() == line
    assert error.line(hinted=False) == "there is no table t (LW-227)"


def test_the_first_of_several_errors_tells_of_the_others():
    first = ConfigError("LW-102", "unknown setting a", hint="look", where="lake.yaml:1")
    same = ConfigError("LW-103", "setting b is missing", hint="look", where="lake.yaml:2")
    error = together([first, same, SourceError("LW-227", "there is no table t", hint="create it")])
    assert error is first
    assert error.__notes__ == ["lake.yaml:2: setting b is missing (LW-103)", "there is no table t (LW-227); create it"]
    assert not hasattr(together([same]), "__notes__")
