"""Small makers of the nodes that rewritten SQL is made of."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """A call of a DuckDB function, or of a macro as ``schema.name``."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def translation(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """A call of a macro of schema translation in ``macros.sql``."""
    return call(f"translation.{name}", *arguments)


def cast(value: exp.Expr, kind: exp.DataType | str) -> exp.Cast:
    """``CAST(value AS kind)``."""
    return exp.Cast(this=value, to=exp.DataType.build(kind, dialect="duckdb") if isinstance(kind, str) else kind)


def number(value: int) -> exp.Expr:
    """An integer literal."""
    return exp.Literal.number(value)


def string(value: str) -> exp.Literal:
    """A string literal."""
    return exp.Literal.string(value)


def paren(value: exp.Expr) -> exp.Expr:
    """The value in parentheses, where it could need them."""
    return exp.Paren(this=value) if isinstance(value, exp.Binary | exp.Unary | exp.Case) else value


def wrap(node: exp.Expr, make: Callable[[exp.Expr], exp.Expr]) -> None:
    """Put `make(node)` where `node` stands."""
    marker = exp.Null()
    node.replace(marker)
    made = make(node)
    made.type = node.type
    marker.replace(made)


def substitute(body: exp.Expr, values: dict[str, Callable[[], exp.Expr]]) -> exp.Expr:
    """A lambda's body with its parameters replaced; raises ValueError with a name that a lambda inside uses again."""
    root = exp.Paren(this=body)
    for inner in root.find_all(exp.Lambda):
        for parameter in inner.expressions:
            if parameter.name in values:
                raise ValueError(parameter.name)
    for name in list(root.find_all(exp.Identifier)):
        made = values.get(name.name)
        if made is not None and isinstance(name.parent, exp.Expr) and not isinstance(name.parent, exp.Column):
            name.replace(made())
    return root
