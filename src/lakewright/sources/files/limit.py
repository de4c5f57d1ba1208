"""The limit on rejected rows: how many rows of a file were taken and rejected so far, and whether the whole file has to wait."""

from __future__ import annotations

from lakewright.errors import SourceError
from lakewright.sources.files.arrivals import Arrival
from lakewright.sources.files.file_reader import Piece
from lakewright.sources.files.tables import Rule


class Counts:
    """The rows of a file by what became of them."""

    def __init__(self) -> None:
        self.taken = self.rejected = 0
        self._first: str | None = None

    @property
    def rows(self) -> int:
        """All of them."""
        return self.taken + self.rejected

    def add(self, piece: Piece) -> None:
        """Count the rows of a piece too."""
        self.taken += piece.rows.num_rows
        self.rejected += piece.rejects.num_rows
        if self._first is None and piece.rejects.num_rows:
            line, column, _, reason, _ = (values[0].as_py() for values in piece.rejects.columns)
            self._first = f"line {line}: {f'column {column}, ' if column else ''}{reason}"

    def require(self, arrival: Arrival, rule: Rule) -> None:
        """Raise `SourceError` LW-275, with the place of the first rejected row, where more were rejected than the rule allows."""
        if rule.exceeded(self.rejected, self.rows):
            raise SourceError(
                "LW-275",
                f"{self.rejected:,} of the {self.rows:,} rows of {arrival.label} do not fit the dataset {rule.name}, the first in"
                f" {self._first}",
                hint=f"send a corrected file; or let datasets/{rule.name}.yaml or `limit` in lake.yaml fit it, and"
                " `lakewright quarantine accept` takes the rows that fit",
            )
