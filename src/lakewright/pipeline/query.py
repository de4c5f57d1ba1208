"""Query: the answer to a statement in Athena's SQL over the lake's tables; `relations` has what they are to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import pyarrow as pa

from lakewright.engines.result import Result
from lakewright.model.times import utc_now
from lakewright.pipeline import damage
from lakewright.pipeline.moment import parse_time
from lakewright.pipeline.relations import LakeRelations
from lakewright.pipeline.wiring import Wiring


class Answer:
    """The answer to a query: (name, Athena type) of each column, rows as a stream, and sentences the reader should see.

    A context manager; rows can be read until it ends.
    """

    def __init__(self, result: Result, relations: LakeRelations) -> None:
        self.columns = result.columns
        self.notes = relations.notes
        self._result = result
        self._relations = relations

    @property
    def names(self) -> list[str]:
        """The columns' names, which may repeat."""
        return [name for name, _ in self.columns]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, computed as they are read; raises `QueryError` for what fails in a row."""
        return iter(self._result.reader)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._result.close()
        finally:
            self._relations.close()


def answer(lake: Wiring, text: str, *, committed: bool = False, as_of: str | None = None, since: str | None = None) -> Answer:
    """The answer to a query in Athena's SQL over the lake's tables; what the parameters mean says `LakeRelations`.

    `as_of` and `since` are moments as people write them. Raises `QueryError` for a wrong statement or moment.
    """
    now = utc_now()
    moments = [parse_time(moment, now) if moment is not None else None for moment in (as_of, since)]

    def read() -> Answer:
        relations = LakeRelations(lake, committed=committed, as_of=moments[0], since=moments[1])
        try:
            return Answer(lake.engine.query(text, relations), relations)
        except BaseException:
            relations.close()
            raise

    return damage.repeated(read)
