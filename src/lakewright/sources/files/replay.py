"""Rejected rows as people correct them: the columns and values they are shown."""

from __future__ import annotations

from lakewright.sources.files.arrivals import Arrivals
from lakewright.sources.files.dataset import Dataset
from lakewright.sources.files.reading import Reader
from lakewright.sources.files.rejected import row_values


class Corrections:
    """The rejected rows of the files of one dataset; ``columns`` are the names that its files give their columns."""

    def __init__(self, arrivals: Arrivals, reader: Reader, dataset: Dataset) -> None:
        self.columns = [column.source_name for column in dataset.columns]
        self._arrivals = arrivals
        self._reader = reader
        self._dataset = dataset
        self._names: dict[int, list[str]] = {}

    def values(self, number: int, text: str) -> list[str]:
        """The values of a rejected row of arrival `number`, in the order of ``columns``, as far as its text goes."""
        names = self._names_of(number)
        found = dict(zip(names, row_values(text, names, self._dataset.dialect), strict=True))
        return [found.get(column, "") for column in self.columns]

    def _names_of(self, number: int) -> list[str]:
        """The columns of an arrival, in its own order."""
        if number not in self._names:
            self._names[number] = self._reader.names(self._arrivals.get(number), self._dataset)
        return self._names[number]
