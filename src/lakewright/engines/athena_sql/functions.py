"""Function calls: what each Trino function becomes.

A name means what ``macros.sql`` defines for it, or what one of the forms makes of its arguments; aggregates and window functions
stand in `signatures`. Any other name is refused, file readers and SQL in strings among them.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from lakewright.engines.athena_sql import arithmetic, conditions, nested, texts, times
from lakewright.engines.athena_sql.build import call
from lakewright.engines.athena_sql.context import Call, Context, Form, macro
from lakewright.engines.athena_sql.macros import callable_arities
from lakewright.engines.athena_sql.signatures import WINDOWS
from lakewright.model.names import did_you_mean


def _same(made: Call) -> exp.Expr:
    return call(made.name, *made.arguments)


def _try(made: Call) -> exp.Expr:
    return call("TRY", *made.arguments)


_FORMS: dict[str, Form] = {
    "concat_ws": (range(2, 100), _same),
    "grouping": (range(1, 100), _same),
    "try": ((1,), _try),
    **arithmetic.FORMS,
    **conditions.FORMS,
    **nested.FORMS,
    **texts.FORMS,
    **times.FORMS,
}


def translate_call(node: exp.Anonymous, context: Context) -> exp.Expr:
    """The call in DuckDB.

    Raises `QueryError` LW-505 for an unknown function or arguments that it does not take.
    """
    made = Call(node, context)
    arities: Sequence[int] | frozenset[int]
    if made.name in WINDOWS:
        node.set("this", made.name)
        return node
    if made.name in _FORMS:
        arities, form = _FORMS[made.name]
    elif made.name in callable_arities():
        arities, form = callable_arities()[made.name], macro
    else:
        hint = did_you_mean(made.name, {*_FORMS, *callable_arities(), *WINDOWS})
        raise context.error(f"there is no function {made.name}, or it is not supported here", node, hint, "LW-505")
    if len(made.arguments) not in arities:
        takes = "at least 1" if len(arities) > 20 else " or ".join(str(count) for count in sorted(arities))
        raise made.error(f"takes {takes} argument{'' if takes == '1' else 's'}, not {len(made.arguments)}")
    if made.name in nested.ARRAY_FUNCTIONS:
        nested.check_array(made.arguments[0], context)
    return form(made)
