"""Advice: what of the tables to capture deserves a look, though nothing is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg2.extensions import connection as Session

from lakewright.model import types
from lakewright.model.schema import TableSchema
from lakewright.sources.postgres import statistics


def advise(session: Session, tables: Sequence[TableSchema]) -> list[str]:
    """A line for each table without key, and for each numeric column without precision whose values a decimal fits.

    Reads the whole column, of which it proposes the least ``decimal(p,s)`` for the values as they are now.
    """
    return [*_without_key(session, tables), *_without_precision(session, tables)]


def _without_key(session: Session, tables: Sequence[TableSchema]) -> Iterator[str]:
    changed = statistics.updated_rows(session)
    for schema in tables:
        if not schema.key:
            text = f"table {schema.name} has no key and becomes an append log: inserts and truncates are captured"
            count = changed.get(schema.name)
            yield text + (f"; {count} updates and deletes of it were made and are not" if count else "")


def _without_precision(session: Session, tables: Sequence[TableSchema]) -> Iterator[str]:
    for schema in tables:
        for column in schema.columns:
            if column.source_type != "numeric" or column.type != types.STRING:
                continue
            if proposed := statistics.proposed_decimal(session, schema.name, column.name):
                yield (
                    f"column {column.name} of {schema.name} is numeric without precision and becomes text; its values fit"
                    f" `types: {{{column.name}: {proposed}}}`"
                )
