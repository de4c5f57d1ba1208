"""The sqlglot dialect that reads Athena's SELECT and leaves every function call as it was written.

sqlglot would turn calls into its own nodes and those into other engines' functions; several come out with another meaning. Here a
call stays a name with arguments, so that only `functions` decides what it means, and what it does not know is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ErrorLevel
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.parsers.athena import AthenaTrinoParser

from lakewright.engines.athena_sql.signatures import AGGREGATES

_SYNTAX = ("CAST", "TRY_CAST", "EXTRACT", "POSITION", "TRIM", "LISTAGG", "SUBSTRING")


def _aggregate(name: str) -> Callable[[list[exp.Expr]], exp.Expr]:
    """A call that sqlglot knows to be an aggregate, which its rules for ORDER BY and HAVING ask."""
    return lambda args: exp.AnonymousAggFunc(this=name, expressions=args)


class _Parser(AthenaTrinoParser):
    FUNCTIONS: ClassVar = {name.upper(): _aggregate(name) for name in AGGREGATES}
    FUNCTION_PARSERS: ClassVar = {name: AthenaTrinoParser.FUNCTION_PARSERS[name] for name in _SYNTAX}
    TYPE_LITERAL_PARSERS: ClassVar = {
        **AthenaTrinoParser.TYPE_LITERAL_PARSERS,
        exp.DType.DECIMAL: lambda self, this, to: _decimal_literal(this, to),
    }


class AthenaSelect(Trino):
    """Athena's queries (engine version 3, Trino), with functions as `exp.Anonymous` and subscripts as written."""

    INDEX_OFFSET = 0

    Parser = _Parser


class _Generator(DuckDBGenerator):
    """Writes IGNORE NULLS where `aggregation` puts it: behind the last argument of a window function."""

    def ignorenulls_sql(self, expression: exp.IgnoreNulls) -> str:
        return f"{self.sql(expression, 'this')} IGNORE NULLS"


class DuckDBText(DuckDB):
    """DuckDB as the translation writes it, with subscripts as they are."""

    INDEX_OFFSET = 0

    Generator = _Generator


def to_duckdb(tree: exp.Expr) -> str:
    """The SQL text of a rewritten tree; raises `sqlglot.errors.UnsupportedError` where a part of it cannot be written."""
    return str(tree.sql(DuckDBText, copy=False, comments=False, unsupported_level=ErrorLevel.RAISE))


def _decimal_literal(this: exp.Literal, to: exp.DataType) -> exp.Cast:
    """``DECIMAL '12.3456'`` has the precision and scale of its digits; without them it would mean decimal(38,0)."""
    whole, _, fraction = this.name.strip().lstrip("+-").partition(".")
    precision = max(1, len(whole.lstrip("0")) + len(fraction))
    sizes = [exp.DataTypeParam(this=exp.Literal.number(size)) for size in (precision, len(fraction))]
    to.set("expressions", sizes)
    return exp.Cast(this=this, to=to)
