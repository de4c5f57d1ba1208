"""The tables of a source that capture takes in, and those that it leaves out, each told once with the reason.

A table that is left out stays so until the next start; one that the source could not publish is tried again at each look.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence, Set

from lakewright.errors import LakewrightError, SourceError, SourceUnreachable
from lakewright.model.contracts import Stopped
from lakewright.model.names import TableName
from lakewright.model.schema import TableSchema
from lakewright.pipeline import survey
from lakewright.pipeline.sourced import Sourced
from lakewright.pipeline.steps import LeftOut, Notice


class Intake:
    """What one run of capture knows of its source's tables; `notice` is called for each that is left out or stands still."""

    def __init__(self, lake: Sourced, source: str, notice: Notice) -> None:
        self._lake = lake
        self._name = source
        self._source = lake.source(source)
        self._log = lake.log(source)
        self._wants = functools.partial(lake.wants, source)
        self._notice = notice
        self._left_out: set[TableName] = set()
        self._unpublishable: set[TableName] = set()
        self._told: set[TableName] = set()

    def missing(self) -> list[TableSchema]:
        """Tables to load: chosen ones of the catalog that have no load yet, and those that somebody wants again."""
        wanted = set(self._log.asked_resyncs())
        loaded = set(self._log.view().tables())
        discovered = self._source.discover()
        schemas = discovered.tables
        self._tell_refused(discovered.refused, loaded, wanted)
        self._publish_again(schemas)
        for gone in wanted - {schema.name for schema in schemas}:
            self._log.resynced(gone)
        known = (loaded | self._left_out) - wanted
        return [schema for schema in schemas if schema.name not in known]

    def every(self) -> list[TableSchema]:
        """All tables that the source can give, after telling of those that it cannot."""
        discovered = self._source.discover()
        self._tell_refused(discovered.refused, set(), set())
        return discovered.tables

    def fitting(self, schemas: Sequence[TableSchema]) -> list[TableSchema]:
        """Those that can be tables of the lake; the others are left out alone."""
        misfits = survey.misfits(self._lake, self._name, schemas) if schemas else {}
        self.leave_out(misfits)
        return [schema for schema in schemas if schema.name not in misfits]

    def publish(self, schemas: Sequence[TableSchema]) -> tuple[list[TableSchema], dict[TableName, SourceError]]:
        """Make the source publish the tables: those that it does, as they are since then, and why it cannot the others."""
        refused = self._unpublished(schemas)
        self._unpublishable |= refused.keys()
        published = {schema.name for schema in schemas} - refused.keys()
        # Looked at after they were published: what the source published later than that, it did not for a while.
        return [schema for schema in self._source.discover().tables if schema.name in published], refused

    def leave_out(self, reasons: Mapping[TableName, LakewrightError]) -> None:
        """Leave tables out, and tell of each."""
        for table in sorted(reasons):
            self._left_out.add(table)
            self._log.resynced(table)
            self._notice(LeftOut(table, reasons[table]))

    def tell_stopped(self, stopped: Sequence[Stopped]) -> None:
        """Tell of tables that stand still; of one that is not to be captured any more there is nothing to tell."""
        for stop in stopped:
            if self._wants(stop.table):
                self._notice(stop)

    def _tell_refused(self, refused: Mapping[TableName, LakewrightError], loaded: Set[TableName], wanted: Set[TableName]) -> None:
        """Tell once of each table that the source cannot give; one that it can give later is loaded then."""
        for table, error in refused.items():
            if table in wanted or table not in loaded | self._told:
                self._told.add(table)
                self._notice(LeftOut(table, error))

    def _publish_again(self, schemas: Sequence[TableSchema]) -> None:
        """Try again to publish the tables that could not be: one that can be now is loaded."""
        again = [schema for schema in schemas if schema.name in self._unpublishable]
        now = self._unpublishable - self._unpublished(again).keys() if again else set()
        self._unpublishable -= now
        self._left_out -= now

    def _unpublished(self, schemas: Sequence[TableSchema]) -> dict[TableName, SourceError]:
        """Publish the tables; those that the source cannot publish, and why."""
        try:
            self._source.prepare(schemas)
        except SourceUnreachable:
            raise
        except SourceError as error:
            if len(schemas) == 1:
                return {schemas[0].name: error}
            return {table: why for schema in schemas for table, why in self._unpublished([schema]).items()}
        return {}
