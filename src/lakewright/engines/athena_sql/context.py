"""What the rules of the translation are given: a node or a call, and the user's text to point into."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from sqlglot import exp

from lakewright.engines.athena_sql.build import call
from lakewright.engines.athena_sql.place import fault
from lakewright.errors import QueryError


@dataclasses.dataclass(frozen=True)
class Context:
    """What a rule knows besides its node: the user's text."""

    text: str

    def error(self, message: str, node: exp.Expr, hint: str | None = None, code: str = "LW-506") -> QueryError:
        """A `QueryError` at `node`."""
        return fault(code, message, self.text, node, hint=hint)


class Call:
    """One call in a statement: its name, its arguments, and the errors that point at it."""

    def __init__(self, node: exp.Expr, context: Context) -> None:
        self.node = node
        self.name = node.name.lower()
        self.arguments: list[exp.Expr] = list(node.expressions)
        self.context = context

    def error(self, message: str, hint: str | None = None, code: str = "LW-505") -> QueryError:
        """A `QueryError` at this call."""
        return self.context.error(f"{self.name}: {message}", self.node, hint, code)

    def constant(self, index: int) -> str:
        """The text of an argument that has to be a string in quotes."""
        argument = self.arguments[index]
        if not isinstance(argument, exp.Literal) or not argument.is_string:
            raise self.error(f"argument {index + 1} must be a string in quotes here")
        return str(argument.this)

    def function(self, index: int, parameters: int) -> exp.Lambda:
        """A lambda with so many parameters."""
        argument = self.arguments[index]
        if not isinstance(argument, exp.Lambda) or len(argument.expressions) != parameters:
            raise self.error(f"argument {index + 1} must be a lambda with {parameters} parameter{'s' * (parameters > 1)}")
        return argument


Rule = Callable[..., exp.Expr]
"""What a node becomes: (node, Context) -> node."""

Form = tuple[Sequence[int], Callable[[Call], exp.Expr]]
"""The numbers of arguments that a function takes, and what a call of it becomes."""


def macro(made: Call) -> exp.Expr:
    """The call of the macro of that name in schema athena."""
    return call(f"athena.{made.name}", *made.arguments)
