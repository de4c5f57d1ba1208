"""Saved queries as Athena's named queries: the text as it stands, with tables named as the catalog names them.

They are written in Athena's SQL already. What Athena cannot do with Hudi tables, time travel above all, leaves a query out.
https://docs.aws.amazon.com/athena/latest/ug/querying-hudi-in-athena-considerations-and-limitations.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlglot import exp

from lakewright.deploy.catalog import ZONE, Catalog, DeployedTable, LeftOut
from lakewright.deploy.target import Target
from lakewright.engines.athena_sql import statement
from lakewright.engines.athena_sql.tables import common_table_expression
from lakewright.errors import LakewrightError, QueryError
from lakewright.model.table import MOR, READ_OPTIMIZED, REAL_TIME

_MAX_BYTES = 262_144
_MAX_NAME = 128


class Queries(NamedTuple):
    """The texts by name, and the queries that are none of Athena's."""

    texts: dict[str, str]
    left_out: list[LeftOut]


def queries(target: Target, found: Catalog) -> Queries:
    """The lake's saved queries for Athena."""
    deployed = {each.table.name: each for each in found.tables}
    texts, left_out = {}, []
    for name in target.project.queries():
        try:
            texts[name] = _for_athena(target, target.project.query(name), deployed)
            if len(name) > _MAX_NAME or len(texts[name].encode()) > _MAX_BYTES:
                raise QueryError("LW-501", f"longer than Athena keeps (name {_MAX_NAME} characters, text {_MAX_BYTES} bytes)")
        except LakewrightError as error:
            texts.pop(name, None)
            left_out.append(LeftOut(f"query {name}", error.line(hinted=False)))
    return Queries(texts, left_out)


def _for_athena(target: Target, text: str, deployed: Mapping[str, DeployedTable]) -> str:
    """The text with each table that is not in the workgroup's database of tables under its full name."""
    parsed = statement.parse(text)
    if not isinstance(parsed, statement.Query):
        return text
    changes = []
    for table in parsed.tree.find_all(exp.Table):
        if common_table_expression(table) is None:
            changes.append(_named(target, table, deployed))
    for start, end, name in sorted(changes, reverse=True):
        text = text[:start] + name + text[end:]
    return text


def _named(target: Target, table: exp.Table, deployed: Mapping[str, DeployedTable]) -> tuple[int, int, str]:
    """Where a table's name stands in the text, and what Athena calls it."""
    if table.args.get("version"):
        hint = "a snapshot in lake.yaml is the table as of a time, under a name of its own"
        raise QueryError("LW-507", f"{table.name} as of a time: Athena reads a Hudi table as it is now", hint=hint)
    schema, name = table.db.lower(), table.name.lower()
    each = deployed.get(name) or deployed.get(name.removesuffix(READ_OPTIMIZED))
    if each is None or schema not in ("", each.zone):
        raise QueryError("LW-503", f"there is no table {f'{schema}.' if schema else ''}{name} on AWS")
    first = table.args["db"] if schema else table.this
    suffix = (READ_OPTIMIZED if name != each.table.name else REAL_TIME) if each.spec.type == MOR else ""
    full = each.table.name + suffix
    if schema or each.zone != ZONE:
        full = f"{target.database(each.zone)}.{full}"
    if each.table.name + suffix != name and not table.alias:
        full += f" AS {name}"
    return first.meta["start"], table.this.meta["end"] + 1, full
