"""How densely a test strikes: at every call in a long run, at some of them otherwise."""

from __future__ import annotations

import pytest


def strides(sample: int) -> pytest.MarkDecorator:
    """The parameter ``stride``: 1 for `make crash`, `sample` otherwise."""
    every = pytest.param(1, marks=[pytest.mark.crash, pytest.mark.timeout(3600)])
    return pytest.mark.parametrize("stride", [sample, every])
