"""Results that a command makes of several of the pipeline's."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from lakewright.pipeline.check import CheckReport


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What `check` found: how many of how many tables are equal, and each source's report."""

    equal: int
    tables: int
    reports: tuple[CheckReport, ...]


def comparison(reports: Sequence[CheckReport]) -> Comparison:
    """The reports and their sum."""
    return Comparison(sum(report.equal for report in reports), sum(len(report.tables) for report in reports), tuple(reports))
