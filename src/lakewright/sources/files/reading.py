"""Arrivals read: each under the definition of its dataset, which is inferred from the first and kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pyarrow.parquet as pq

from lakewright.errors import SourceError
from lakewright.model.contracts import Store
from lakewright.sources.files.arrivals import Arrival
from lakewright.sources.files.dataset import Dataset
from lakewright.sources.files.header import packed_headers
from lakewright.sources.files.infer import infer
from lakewright.sources.files.reader import Piece, read
from lakewright.sources.files.tables import Rule


class Definitions(Protocol):
    """Where the definitions of datasets are kept, for people to look at and to correct."""

    def get(self, name: str) -> Dataset | None:
        """The definition of that dataset, or None where there is none yet; raises `ConfigError` where it is wrong."""
        ...

    def keep(self, dataset: Dataset, origin: str) -> None:
        """Keep a definition that was inferred from the file `origin`."""
        ...


class Reader:
    """Reads arrivals from the store; `scratch` is a folder for what does not fit into memory."""

    def __init__(self, store: Store, definitions: Definitions, scratch: Path) -> None:
        self._store = store
        self._definitions = definitions
        self.scratch = scratch

    def dataset(self, rule: Rule) -> Dataset | None:
        """The definition of a rule's dataset, or None before its first file. Raises `SourceError` where it lacks a column."""
        dataset = self._definitions.get(rule.name)
        if dataset is not None:
            _check_columns(rule, dataset)
        return dataset

    def define(self, arrival: Arrival, rule: Rule) -> None:
        """Infer the definition of a dataset from its first file, and keep it."""
        dataset = infer(Path(self._store.location(arrival.stored)), name=rule.name, temp=self.scratch)
        _check_columns(rule, dataset)
        self._definitions.keep(dataset, arrival.name)

    def names(self, arrival: Arrival, dataset: Dataset) -> list[str]:
        """The names of an arrival's columns, in the order in which the texts of its rejected rows have them."""
        path = Path(self._store.location(arrival.stored))
        match dataset.dialect.format:
            case "csv":
                return packed_headers(path, dataset.dialect, self.scratch)
            case "parquet":
                return list(pq.read_schema(path).names)
        return [column.source_name for column in dataset.columns]

    def pieces(self, arrival: Arrival, rule: Rule, dataset: Dataset, *, limited: bool = False) -> Iterator[Piece]:
        """The rows of an arrival; one without a value in its key is rejected. There are none of a file that was removed.

        Raises `SourceError` for a file that cannot be read, and with `limited` at the end for one of which too many rows are
        rejected.
        """
        if arrival.removed:
            return
        total = rejected = 0
        with read(Path(self._store.location(arrival.stored)), dataset, temp=self.scratch, required=rule.key) as reading:
            for piece in reading.pieces():
                total += piece.rows.num_rows + piece.rejects.num_rows
                rejected += piece.rejects.num_rows
                yield piece
        if limited and rule.exceeded(rejected, total):
            raise SourceError(
                "LW-275",
                f"{rejected:,} of the {total:,} rows of {arrival.name} do not fit the dataset {rule.name}",
                hint=f"send a corrected file; where datasets/{rule.name}.yaml is wrong, correct that first",
            )


def _check_columns(rule: Rule, dataset: Dataset) -> None:
    names = [column.name for column in dataset.columns]
    for name in (*rule.key, *([rule.deleted[0]] if rule.deleted else [])):
        if name not in names:
            message = f"the dataset {rule.name} has no column {name}, which lake.yaml names (columns: {', '.join(names)})"
            raise SourceError("LW-276", message, hint=f"correct lake.yaml, or the names in datasets/{rule.name}.yaml")
