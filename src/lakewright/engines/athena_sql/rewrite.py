"""The walk that turns an annotated tree into DuckDB's terms, node by node, from the leaves up."""

from __future__ import annotations

from sqlglot import exp

from lakewright.engines.athena_sql import aggregation, arithmetic, casts, conditions, nested, texts, times
from lakewright.engines.athena_sql.context import Context, Rule
from lakewright.engines.athena_sql.functions import translate_call

_RULES: dict[type[exp.Expr], Rule] = {
    exp.Anonymous: translate_call,
    **aggregation.RULES,
    **arithmetic.RULES,
    **casts.RULES,
    **conditions.RULES,
    **nested.RULES,
    **texts.RULES,
    **times.RULES,
}


def rewrite(tree: exp.Query, text: str) -> exp.Query:
    """The annotated tree in DuckDB's terms.

    Raises `QueryError` LW-502, LW-505 or LW-506 at what cannot be translated to the same meaning.
    """
    context = Context(text)
    root = exp.Subquery(this=tree)
    for node in reversed(list(tree.walk(bfs=True))):
        rule = _RULES.get(type(node))
        made = rule(node, context) if rule else node
        if made is not node:
            made.type = node.type
            for key in ("start", "end"):
                made.meta.setdefault(key, node.meta.get(key))
            node.replace(made)
    if not isinstance(root.this, exp.Query):
        raise TypeError(f"a query became {type(root.this).__name__}")
    return root.this
