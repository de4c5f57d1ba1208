"""Sets of lines of a file."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakewright.sources.files.dataset import LINE


class Lines:
    """A set of lines of a file, a byte for each line up to the last."""

    def __init__(self) -> None:
        self._has = np.zeros(1024, dtype=bool)
        self._is_empty = True

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the lines of rows."""
        lines = batch.column(LINE).to_numpy()
        if len(lines) and lines.max() >= len(self._has):
            self._has = np.concatenate([self._has, np.zeros(int(lines.max()), dtype=bool)])
        self._has[lines] = True
        self._is_empty = self._is_empty and not len(lines)

    def others(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows whose lines are not in the set."""
        if self._is_empty:
            return batch
        lines = batch.column(LINE).to_numpy()
        known = lines < len(self._has)
        return batch.filter(pa.array(~(known & self._has[np.where(known, lines, 0)])))

    def less(self, other: Lines) -> npt.NDArray[np.int64]:
        """The lines that the other set does not have, in order."""
        size = min(len(self._has), len(other._has))
        rest = self._has.copy()
        rest[:size] &= ~other._has[:size]
        return np.flatnonzero(rest).astype(np.int64)
