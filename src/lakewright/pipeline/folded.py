"""The fold of one table, whichever engine computes it: what it makes of a `TableAt`, and the SELECTs that give its rows."""

from __future__ import annotations

import abc
import contextlib
import itertools
from collections.abc import Callable
from typing import Any

from lakewright.model.batch import DELETED, OLD_KEY, OP, POSITION, UNAVAILABLE
from lakewright.model.names import quote_identifier as quote
from lakewright.model.schema import Column
from lakewright.model.table import ROW_COLUMN
from lakewright.pipeline.table_at import TableAt
from lakewright.raw import fold
from lakewright.raw.log import RawLog


class Folded(abc.ABC):
    """A `TableAt` in an engine: its tail kept and folded, its base as a relation.

    ``truncated`` says that nothing of the base counts; ``changed`` is how many keys the tail touches. The engine's session is in
    UTC. The SELECTs are valid until `close`, which drops what was made. Making a fold raises `LogError` or `FormatError` for a
    file that is missing or damaged, else `QueryError`.
    """

    _serial = itertools.count()

    def __init__(self, at: TableAt, log: RawLog) -> None:
        self.at = at
        self.truncated = False
        self.changed = 0
        self._log = log
        self._keyed = bool(at.schema.key)
        self._folded = f"_fold_{next(self._serial)}"
        self._tail = f"{self._folded}_tail"
        if at.tail:
            try:
                with self._named_failures():
                    self._make()
            except BaseException:
                self.close()
                raise

    @property
    def replaces(self) -> bool:
        """Whether a merge has to write all rows of the table: nothing of its base stays as it is."""
        at = self.at
        if at.snapshot is None or self.truncated:
            return True
        stored, called = dict(at.snapshot.spec.columns), dict(at.called)
        filled = any(column.missing is not None for column in at.schema.columns if column.name not in called)
        return filled or bool(at.renamed) or any(stored.get(name, kind) != kind for name, kind in at.spec.columns)

    def rows_sql(self) -> str:
        """A SELECT of all rows of the table at its position, with the columns of its spec."""
        days = dict(zip((day.stored for day in self.at.mirror.days), self.at.mirror.days_sql(), strict=True))
        listed = ", ".join(days.get(name, quote(name)) for name, _ in self.at.spec.columns)
        made = self.at.mirror.stored(self.at.schema, self.at.generation)
        return self._rows(made, f"SELECT {listed if self.at.snapshot else made} FROM {self._base()} AS b")

    def visible_sql(self, column: Callable[[Column], str]) -> str:
        """A SELECT of all rows with the schema's stored columns, each written by `column`, and the days that partition it."""
        listed = ", ".join([*(column(each) for each in self.at.schema.stored), *self.at.mirror.days_sql()])
        return self._rows(listed, f"SELECT {listed} FROM {self._base()} AS b")

    def upserts_sql(self) -> str:
        """A SELECT of the rows that the tail inserts or changes, with the columns of the spec."""
        return f"SELECT {self.at.mirror.stored(self.at.schema, self.at.generation)} FROM {self._folded}{self._alive()}"

    def deletes_sql(self) -> str:
        """A SELECT of the keys that the tail removes."""
        keys = ", ".join(map(quote, self.at.spec.key))
        return f"SELECT {keys} FROM {self._folded} WHERE {DELETED if self._keyed else 'false'}"

    def changes_sql(self) -> str:
        """Both in one SELECT with the columns of the spec: a key that the tail removes has ``_hoodie_is_deleted`` true."""
        gone = f"CASE WHEN {DELETED} THEN true END" if self._keyed else "CAST(NULL AS BOOLEAN)"
        return f"SELECT {self.at.mirror.stored(self.at.schema, self.at.generation, gone)} FROM {self._folded}"

    def close(self) -> None:
        """Drop what was made."""
        self._drop(self._folded, self._tail)

    # ---- what an engine does

    @abc.abstractmethod
    def _keep(self, name: str, text: str) -> None:
        """Keep the answer to a SELECT as the relation `name`, in place of an older one, which the SELECT may read."""

    @abc.abstractmethod
    def _drop(self, *names: str) -> None:
        """Let go of kept relations, where they are."""

    @abc.abstractmethod
    def _one(self, text: str) -> Any:
        """The one value that a SELECT gives."""

    @abc.abstractmethod
    def _changes(self, extra: str, where: str) -> str:
        """A SELECT of the tail's raw rows with the columns of the schema and `extra`, filtered by `where`."""

    @abc.abstractmethod
    def _base(self) -> str:
        """The table's rows before the tail, as a relation in parentheses or a name."""

    @abc.abstractmethod
    def _named_failures(self) -> contextlib.AbstractContextManager[None]:
        """Where the block fails, raise the error that names the file at fault, or else the engine's as `QueryError`."""

    # ---- what is the same in all of them

    def _make(self) -> None:
        at, tail = self.at, self._tail
        extra = f"{OP}, {POSITION}" + (f", {UNAVAILABLE}, {OLD_KEY}" if self._keyed else "")
        self._keep(tail, self._changes(extra, f" WHERE {POSITION} > '{at.after}' AND {POSITION} <= '{at.upto}'"))
        rest = [column.name for column in at.schema.stored if column.name not in at.schema.key]
        if self._keyed and self._one(fold.plain_sql(tail)):
            text = fold.last_rows_sql(at.schema.key, rest, tail)
        else:
            self.truncated = bool(self._one(fold.truncated_sql(tail)))
            text = self._folded_sql(rest)
        self._keep(self._folded, text)
        self._drop(tail)
        self.changed = int(self._one(f"SELECT count(*) FROM {self._folded}"))

    def _folded_sql(self, columns: list[str]) -> str:
        """The fold of a tail of any kind; `columns` are the table's but its key's."""
        schema, tail = self.at.schema, self._tail
        if not self._keyed:
            return f"SELECT *, {POSITION} AS {ROW_COLUMN} FROM ({fold.append_sql(columns, tail)})"
        fold.complete(
            lambda: int(self._one(fold.incomplete_sql(tail))),
            lambda: self._keep(tail, fold.complete_sql(schema.key, columns, self._base(), tail)),
        )
        return fold.fold_sql(schema.key, columns, self._base(), tail)

    def _rows(self, listed: str, base: str) -> str:
        if not self.at.tail:
            return base
        changed = f"SELECT {listed} FROM {self._folded}{self._alive()}"
        if self.truncated:
            return changed
        if self._keyed and self.changed:
            same = " AND ".join(f"f.{quote(name)} = b.{quote(name)}" for name in self.at.schema.key)
            base += f" WHERE NOT EXISTS (SELECT 1 FROM {self._folded} AS f WHERE {same})"
        return f"{base} UNION ALL {changed}"

    def _alive(self) -> str:
        return f" WHERE NOT {DELETED}" if self._keyed else ""
