"""Arrivals read: each under the definition of its dataset, which is inferred from the first, and which people may change."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from lakewright.errors import LakewrightError, SourceError
from lakewright.model import types
from lakewright.model.contracts import Past, Store
from lakewright.sources.files import deletes, replay
from lakewright.sources.files.arrivals import Arrival
from lakewright.sources.files.aside import Interrupted
from lakewright.sources.files.dataset import Dataset
from lakewright.sources.files.definition import Definition, PastDefinitions
from lakewright.sources.files.file_reader import Piece, file_names, read
from lakewright.sources.files.header import packed_headers
from lakewright.sources.files.infer import infer
from lakewright.sources.files.ledger import Version
from lakewright.sources.files.lines import Lines
from lakewright.sources.files.nearby import nearby
from lakewright.sources.files.scan import known_disk_errors
from lakewright.sources.files.structure import Misjudged
from lakewright.sources.files.tables import Rule

DefinitionOf = Callable[[Arrival], Definition]
"""Under which definition an arrival is read."""


class Definitions(Protocol):
    """Where the definitions of datasets are kept, for people to look at and to correct."""

    def get(self, name: str) -> Dataset | None:
        """The definition of that dataset, or None where there is none yet; raises `ConfigError` where it is wrong."""
        ...

    def keep(self, dataset: Dataset, origin: str) -> None:
        """Keep a definition that was inferred from the file `origin`."""
        ...


class ArrivalReader:
    """Reads arrivals from the store; `scratch` is a folder for what does not fit into memory."""

    def __init__(self, store: Store, definitions: Definitions, past: PastDefinitions, scratch: Path) -> None:
        self._store = store
        self._definitions = definitions
        self.past = past
        self.scratch = scratch
        self._misjudged: set[int] = set()

    def definition(self, rule: Rule) -> Definition | None:
        """How files of a rule's dataset are read now, or None before its first. Raises `SourceError` where it lacks a column."""
        dataset = self._definitions.get(rule.name)
        if dataset is None:
            return None
        _check_columns(rule, dataset)
        return self.past.see(Definition(dataset, rule.key, rule.deleted))

    def require(self, rule: Rule) -> Definition:
        """As `definition`; raises `SourceError` where there is none."""
        definition = self.definition(rule)
        if definition is None:
            hint = f"restore datasets/{rule.name}.yaml, or let the next file come: it is inferred from that"
            raise SourceError("LW-279", f"the dataset {rule.name} has no definition", hint=hint)
        return definition

    def as_read(self, rule: Rule, past: Past | None, now: Definition | None = None) -> DefinitionOf:
        """Under which definition the log has the rows of an arrival: where it has none of them, that of `now`."""

        @functools.cache
        def of(arrival: Arrival) -> Definition:
            digest = digest_of(arrival, rule, past) if past else ""
            return self.past.get(digest) if digest else now or self.require(rule)

        return of

    def define(self, arrival: Arrival, rule: Rule) -> None:
        """Infer the definition of a dataset from its first file, and keep it."""
        with known_disk_errors(arrival.label), self._nearby(arrival) as path:
            dataset = infer(path, name=rule.name, temp=self.scratch)
        _check_columns(rule, dataset)
        self._definitions.keep(dataset, arrival.label)

    def names(self, arrival: Arrival, dataset: Dataset) -> list[str]:
        """The names of an arrival's columns, in the order in which the texts of its rejected rows have them."""
        with known_disk_errors(arrival.label), self._nearby(arrival) as path:
            match dataset.dialect.format:
                case "csv":
                    return packed_headers(path, dataset.dialect, self.scratch)
                case "parquet":
                    return file_names(path, dataset, temp=self.scratch)
        return [column.source_name for column in dataset.columns]

    def pieces(self, arrival: Arrival, definition: Definition, *, assume: bool = False) -> Iterator[Piece]:
        """The rows of an arrival; one without a value in its key is rejected. There are none of a file that was removed.

        Raises `SourceError` for a file that cannot be read, and `LogError` where it is missing. With `assume` it may raise
        `Misjudged`, once: what was given does not count then, and a second call gives all of it.
        """
        assume = assume and arrival.number not in self._misjudged
        with known_disk_errors(arrival.label):
            if arrival.corrects:
                with self._nearby(arrival) as path:
                    yield from replay.pieces(path, definition.dataset, temp=self.scratch, required=definition.key)
            elif not arrival.removed:
                with self._nearby(arrival) as path:
                    yield from self._read(path, arrival, definition, assume)

    def version(self, version: Version, definition_of: DefinitionOf) -> Iterator[tuple[Arrival, Piece]]:
        """The rows that a version of a file has by now, each piece with its arrival, in no particular order of these.

        What was rejected and is replayed is what the last replay made of it, even where it would fit by itself now.
        """
        replayed = Lines()
        for arrival in (*reversed(version.replays), version.arrival):
            for piece in self.pieces(arrival, definition_of(arrival)):
                yield arrival, Piece(replayed.others(piece.rows), replayed.others(piece.rejects))
                if arrival.corrects:
                    replayed.add(piece.rows)
                    replayed.add(piece.rejects)

    def _read(self, path: Path, arrival: Arrival, definition: Definition, assume: bool) -> Iterator[Piece]:
        with read(path, definition.dataset, temp=self.scratch, required=definition.key, assume=assume) as reading:
            try:
                yield from reading.pieces()
            except Misjudged:
                self._misjudged.add(arrival.number)
                raise

    def _nearby(self, arrival: Arrival) -> contextlib.AbstractContextManager[Path]:
        return nearby(self._store, arrival, self.scratch)


@contextlib.contextmanager
def unforeseen(place: str, hint: str = "--debug prints the trace for a report") -> Iterator[None]:
    """What nobody foresaw while `place` is read becomes `SourceError` LW-901: a fault of that alone, and not of its source.

    What the fault itself says is left out, for it may hold values.
    """
    try:
        yield
    except (LakewrightError, Misjudged, Interrupted):
        raise
    except Exception as error:
        message = f"unexpected {type(error).__name__} while {place} was read"
        raise SourceError("LW-901", message, hint=hint) from error


def digest_of(arrival: Arrival, rule: Rule, past: Past) -> str:
    """The digest of the definition under which the log has the rows of an arrival; "" where it has none of them."""
    found = (past.schema_at(table, arrival.number) for table in (rule.table, rule.quarantine))
    return next((schema.definition for schema in found if schema is not None), "")


def _check_columns(rule: Rule, dataset: Dataset) -> None:
    names = [column.name for column in dataset.columns]
    for name in (*rule.key, *([rule.deleted[0]] if rule.deleted else [])):
        if name not in names:
            message = f"the dataset {rule.name} has no column {name}, which lake.yaml names (columns: {', '.join(names)})"
            raise SourceError("LW-276", message, hint=f"correct lake.yaml, or the names in datasets/{rule.name}.yaml")
    if rule.deleted:
        flag, text = rule.deleted
        kind = dataset.columns[names.index(flag)].type
        try:
            deletes.value(text, types.to_arrow(kind))
        except pa.ArrowInvalid:
            message = f"column {flag} of the dataset {rule.name}, of type {kind}, cannot have the value {text!r} of deleted rows"
            hint = f"correct `deleted` in lake.yaml, or the column's type in datasets/{rule.name}.yaml"
            raise SourceError("LW-276", message, hint=hint) from None
