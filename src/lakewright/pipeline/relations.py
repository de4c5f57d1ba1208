"""Relations: the lake's tables and raw rows as one query sees them.

Every table of a source is read at one position, taken once for the query: the end of the log, or that of a time. So an answer
never holds half a transaction, not even across tables.
"""

from __future__ import annotations

import dataclasses
import datetime

from lakewright.engines.relation import Relation, TableRef
from lakewright.errors import FormatError, QueryError
from lakewright.model import types
from lakewright.model.batch import COMMIT_TIME, DELETED, EXACT, OP, POSITION, TRUNCATE, UNAVAILABLE
from lakewright.model.contracts import Table
from lakewright.model.names import quote_identifier as quote
from lakewright.model.position import Position
from lakewright.model.schema import TableSchema
from lakewright.model.table import MOR, READ_OPTIMIZED, Snapshot, newest_mark
from lakewright.pipeline import damage, publish, scan, survey, table_at
from lakewright.pipeline.folding import Fold
from lakewright.pipeline.instants import Instants
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.moment import position_at, require_kept, require_loaded
from lakewright.pipeline.published import AGAIN
from lakewright.pipeline.stored import Stored
from lakewright.pipeline.wiring import Wiring
from lakewright.raw.log import RawLog
from lakewright.raw.view import LogView


class LakeRelations:
    """Fulfils `engines.relation.Relations` for one query; `close` gives its folds back.

    ``committed`` reads table instants only, each table at its own newest. ``as_of`` is the moment of every table that the
    statement gives none. ``since`` shows only rows changed after that moment, one per key, with ``_deleted`` saying that the
    row is gone; with ``committed`` those that came by instants after it. ``notes`` are sentences the reader of the answer should
    see.
    """

    def __init__(
        self,
        lake: Wiring,
        *,
        committed: bool = False,
        as_of: datetime.datetime | None = None,
        since: datetime.datetime | None = None,
    ) -> None:
        found, self._misfits = survey.of(lake)
        zones = lake.project.settings.zones.folders()
        self.notes: list[str] = []
        self._lake = lake
        self._con = lake.connection()
        self._mirrors = {mirror.name: mirror for mirror in found}
        self._snapshots = {record.name: lake.records.mirror(record) for record in lake.published()}
        self._raw, self._curated = zones.raw, zones.curated
        self._committed, self._as_of, self._since = committed, as_of, since
        self._views: dict[str, LogView] = {}
        self._instants: dict[str, Instants] = {}
        self._folds: list[Fold] = []
        self._stored: list[Stored] = []

    def names(self) -> list[tuple[str, str]]:
        """All tables and snapshots, what there is to read of some without their logs, then the raw rows of each table."""
        optimized = [f"{name}{READ_OPTIMIZED}" for name in self._mirrors if self._optimized(f"{name}{READ_OPTIMIZED}")]
        stored = [*self._mirrors, *self._snapshots, *optimized]
        return [(zone, name) for zone, names in ((self._curated, stored), (self._raw, self._mirrors)) for name in names]

    def resolve(self, ref: TableRef) -> Relation | None:
        """The rows of a table of the lake, or of its raw log; raises `QueryError` where it had none at that moment.

        Where something keeps the table, or all of a source, from being read at all, raises what that is.
        """
        if ref.schema not in (None, self._curated, self._raw):
            return None
        if ref.schema != self._raw and (snapshot := self._snapshot(ref.name)) is not None:
            try:
                return self._committed_rows(snapshot, None)
            except (FormatError, QueryError) as error:
                error.hint = AGAIN
                raise
        optimized = self._optimized(ref.name) if ref.schema != self._raw else None
        mirror = optimized or self._mirrors.get(ref.name)
        if mirror is None:
            for misfit in self._misfits:
                if misfit.name in (ref.name, None):
                    raise misfit.error
            return None
        log = self._lake.log(mirror.source)
        view = self._views.setdefault(mirror.source, log.view())
        as_of = ref.as_of or self._as_of
        if as_of is not None:
            require_loaded(mirror, view, as_of)
        if ref.schema == self._raw:
            return self._raw_rows(mirror, log, view, self._position(mirror, view, as_of))
        if as_of is None:
            self._note(mirror, view, view.watermark)
        if optimized:
            return self._committed_rows(mirror, as_of, optimized=True)
        if not self._committed and (stands := self._paused(mirror, as_of)) is not None:
            if self._since is None:
                return self._committed_rows(mirror, as_of)
            return self._changes(mirror, log, view, self._position(mirror, view, self._since), stands)
        if self._committed:
            if self._since is None:
                return self._committed_rows(mirror, as_of)
            after, upto = (self._committed_position(mirror, view, moment) for moment in (self._since, as_of))
            return self._changes(mirror, log, view, after, upto)
        upto = self._position(mirror, view, as_of)
        if as_of is not None:
            self._note(mirror, view, upto)
        if self._since is not None:
            return self._changes(mirror, log, view, self._position(mirror, view, self._since), upto)
        return self._rows(mirror, log, view, upto)[1]

    def rows_at(self, mirror: Mirror, upto: Position) -> tuple[TableSchema, Relation]:
        """The rows of a table at a position, and the schema that its source had there; raises as `resolve`."""
        log = self._lake.log(mirror.source)
        return self._rows(mirror, log, self._views.setdefault(mirror.source, log.view()), upto)

    def rows_of(self, mirror: Mirror, instant: str) -> Relation:
        """The rows of one commit of a table; raises `FormatError` LW-415 where it is unknown or cleaned."""
        found = self._lake.instant(mirror, instant)
        return self._shown_rows(found.table, found.snapshot())

    def close(self) -> None:
        """Let go of the folds of this query."""
        while self._folds:
            self._lake.folds.release(self._folds.pop())
        while self._stored:
            self._stored.pop().close()

    def _snapshot(self, name: str) -> Mirror | None:
        """The snapshot of that name, whose rows are the same at every moment; raises where there are none yet, or no changes."""
        found = self._snapshots.get(name)
        if found is not None and self._since is not None:
            message = f"{name} is a snapshot, of which nothing changes"
            raise QueryError("LW-528", message, hint="leave it out of a query with --since")
        if found is None and name in self._lake.resolved.snapshots and name not in self._mirrors:
            planned = publish.standing(self._lake, name, self._mirrors.values())
            if isinstance(planned, publish.Planned):
                raise planned.unwritten()
        return found

    def _optimized(self, name: str) -> Mirror | None:
        """The merge-on-read table whose base files alone are the table of this name."""
        found = self._mirrors.get(name.removesuffix(READ_OPTIMIZED)) if name.endswith(READ_OPTIMIZED) else None
        return found if found is not None and found.type == MOR and name not in {**self._mirrors, **self._snapshots} else None

    def _paused(self, mirror: Mirror, as_of: datetime.datetime | None) -> Position | None:
        """Where the table stands if it is paused, and was so at that moment: it is read there, and the answer says so."""
        newest = self._listed(mirror).newest_marked()
        mark = newest.mark() if newest else None
        if newest is None or mark is None or not mark.paused or (as_of is not None and as_of < newest.time):
            return None
        self.notes.append(f"table {mirror.name} is paused at {mark.position}: `lakewright resume {mirror.name}` goes on")
        return mark.position

    def _listed(self, mirror: Mirror) -> Instants:
        """The table as this query sees it, however often it is asked for."""
        if mirror.name not in self._instants:
            self._instants[mirror.name] = self._lake.instants(mirror)
        return self._instants[mirror.name]

    def _position(self, mirror: Mirror, view: LogView, moment: datetime.datetime | None) -> Position:
        if moment is None:
            return view.watermark
        require_kept(mirror, view, moment)
        return position_at(self._lake.log(mirror.source), view, moment)

    def _note(self, mirror: Mirror, view: LogView, upto: Position) -> None:
        """Let the answer say that the table's changes were not captured up to a position."""
        stop = view.stop_of(mirror.origin, upto)
        if stop is not None:
            self.notes.append(f"table {mirror.name} stands at {stop.position}: {stop.message}")

    def _rows(self, mirror: Mirror, log: RawLog, view: LogView, upto: Position) -> tuple[TableSchema, Relation]:
        at = table_at.plan(mirror, log, view, self._listed(mirror), upto)
        fold = self._lake.folds.take(at, log)
        self._folds.append(fold)
        text = fold.visible_sql(lambda column: _shown(column.name, column.type))
        return at.schema, Relation(text, _columns(mirror, at.schema))

    def _committed_rows(self, mirror: Mirror, as_of: datetime.datetime | None, *, optimized: bool = False) -> Relation:
        """The rows of a table's newest instant; ``optimized`` leaves out what its logs say."""
        listed = self._listed(mirror)
        found = next((each for each in listed if as_of is None or each.commit.time <= as_of), None)
        if found is None:
            oldest = next(reversed([*listed]), None)
            if oldest is None:
                raise mirror.no_instant()
            message = f"the oldest instant of table {mirror.name} that can be read is {oldest.commit.instant}"
            raise QueryError("LW-522", message, hint="choose that one or a later time, or leave out --committed")
        snapshot = found.snapshot()
        return self._shown_rows(found.table, dataclasses.replace(snapshot, logs=()) if optimized else snapshot)

    def _shown_rows(self, table: Table, snapshot: Snapshot) -> Relation:
        columns = snapshot.spec.visible
        listed = ", ".join(_shown(name, kind) for name, kind in columns)
        stored = Stored(self._con, table, snapshot)
        self._stored.append(stored)
        return Relation(f"SELECT {listed} FROM ({stored.sql(scan.Selection(snapshot.spec))})", columns)

    def _committed_position(self, mirror: Mirror, view: LogView, moment: datetime.datetime | None) -> Position:
        """How far the log is in the table's newest commit of that moment, whose files may be gone by now."""
        commits = [commit for commit in self._lake.commits(mirror) if commit.checkpoint or commit.fault]
        if not commits:
            raise mirror.no_instant()
        found = [commit for commit in commits if moment is None or commit.time <= moment]
        if not found:
            first = commits[0].instant
            message = f"table {mirror.name} has no instant before {first}, its first, and so no changes since then"
            raise QueryError(
                "LW-522", message, hint=f"choose a later time; `lakewright history {mirror.name}` lists the instants"
            )
        mark = newest_mark(found)
        if mark is None or mark.feed != view.feed:
            raise QueryError(
                "LW-520",
                f"the whole source was loaded anew after instant {found[-1].instant} of {mirror.name}:"
                " how it changed is not known",
                hint=f"`lakewright merge {mirror.name}`, and choose the time of an instant after the load",
            )
        return mark.position

    def _raw_rows(self, mirror: Mirror, log: RawLog, view: LogView, upto: Position) -> Relation:
        files = view.files_of(mirror.origin)
        schema = scan.shared_schema([log.schema(mirror.origin, number) for number in sorted({file.schema for file in files})])
        unavailable = f"CAST(to_json({UNAVAILABLE}) AS VARCHAR) AS {UNAVAILABLE}"
        extra = f"{OP}, {COMMIT_TIME}, {POSITION}, {unavailable}, {EXACT}"
        text = scan.raw_sql(log, schema, files, extra, f" WHERE {POSITION} <= '{upto}'")
        time = (COMMIT_TIME, types.TIMESTAMP)
        first = [f"{OP} AS op", _shown(*time), POSITION]
        rest = tuple((column.name, column.type) for column in schema.stored)
        listed = ", ".join([*first, *(_shown(name, kind) for name, kind in rest), UNAVAILABLE, EXACT])
        columns = (("op", types.STRING), time, (POSITION, types.STRING), *rest)
        return Relation(f"SELECT {listed} FROM ({text})", (*columns, (UNAVAILABLE, types.STRING), (EXACT, types.STRING)))

    def _changes(self, mirror: Mirror, log: RawLog, view: LogView, after: Position, upto: Position) -> Relation:
        """The table's rows at `upto` whose key the log names after `after`, and those keys that are gone.

        A key that was of another kind before the table was loaded again names none of its rows.
        """
        table_at.require_kept(mirror, view, after, upto)
        schema, rows = self._rows(mirror, log, view, upto)
        columns = (*rows.columns, (DELETED, types.BOOLEAN))
        files = [
            file
            for file in view.files_of(mirror.origin, after, upto)
            if _same_key(log.schema(mirror.origin, file.schema), schema)
        ]
        if not files:
            return Relation(f"SELECT *, false AS {DELETED} FROM ({rows.sql}) WHERE false", columns)
        if not schema.key:
            raise QueryError("LW-523", f"table {mirror.name} has no key; read its new rows from {self._raw}.{mirror.name}")
        key = ", ".join(map(quote, schema.key))
        where = f" WHERE {POSITION} > '{after}' AND {POSITION} <= '{upto}'"
        changed = f"SELECT {key}, {OP} FROM ({scan.raw_sql(log, schema, files, f'{OP}, {POSITION}', where)})"
        keys = f"SELECT DISTINCT {key} FROM ({changed}) WHERE {OP} <> '{TRUNCATE}'"
        with damage.named(log, files):
            truncated = self._con.execute(f"SELECT count(*) FROM ({changed}) WHERE {OP} = '{TRUNCATE}'").fetchall()
        replaced = truncated[0][0] or any(file.kind == "load" for file in files)
        if replaced and view.load_of(mirror.origin, after) is not None:
            former, before = self._rows(mirror, log, view, after)
            keys += f" UNION SELECT {key} FROM ({before.sql})" if _same_key(former, schema) else ""
        same = " AND ".join(f"r.{quote(name)} = k.{quote(name)}" for name in schema.key)
        listed = ", ".join(f"{'k' if name in schema.key else 'r'}.{quote(name)}" for name, _ in rows.columns)
        gone = f"r.{quote(schema.key[0])} IS NULL AS {DELETED}"
        return Relation(f"SELECT {listed}, {gone} FROM ({keys}) AS k LEFT JOIN ({rows.sql}) AS r ON {same}", columns)


def _same_key(former: TableSchema, schema: TableSchema) -> bool:
    """Whether keys of a former schema are keys of this one too."""
    return former.key == schema.key and all(
        scan.common_type({former.column(name).type, schema.column(name).type}) == schema.column(name).type for name in schema.key
    )


def _shown(name: str, kind: str) -> str:
    """A column as SQL shows it: a timestamp without zone, as in Athena."""
    return f"CAST({quote(name)} AS TIMESTAMP) AS {quote(name)}" if kind == types.TIMESTAMP else quote(name)


def _columns(mirror: Mirror, schema: TableSchema) -> tuple[tuple[str, str], ...]:
    columns = tuple((column.name, column.type) for column in schema.stored)
    return (*columns, *((day.stored, types.STRING) for day in mirror.days))
