"""Arrays, maps and lambdas."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from lakewright.engines.athena_sql import types
from lakewright.engines.athena_sql.build import call, cast, number, paren, string, substitute, translation
from lakewright.engines.athena_sql.context import Call, Context, Form, Rule

ARRAY_FUNCTIONS = frozenset(
    {
        *("all_match", "any_match", "array_distinct", "array_except", "array_intersect", "array_join", "array_max", "array_min"),
        *("array_position", "array_remove", "array_sort", "array_union", "cardinality", "contains", "element_at", "filter"),
        *("flatten", "none_match", "reduce", "slice", "transform", "zip_with"),
    }
)
"""Functions whose first argument is an array, or where they take both a map."""


def check_array(value: exp.Expr, context: Context) -> None:
    """Raises `QueryError` LW-506 at a text or JSON where an array is needed: a source's arrays are stored as JSON text.

    DuckDB would take the characters of a text for its elements.
    """
    is_json = types.is_type(value, exp.DType.JSON)
    if not is_json and types.group(value) != "varchar":
        return
    place = value.this.meta if isinstance(value, exp.Column) else {}
    written = context.text[place["start"] : place["end"] + 1] if "start" in place else "..."
    hint = f"CAST({written if is_json else f'json_parse({written})'} AS ARRAY(VARCHAR)) is the array of its elements"
    raise context.error(f"an array is needed here, and this is {types.text(value.type)}", value, hint)


def _cardinality(made: Call) -> exp.Expr:
    return cast(call("cardinality" if types.is_type(made.arguments[0], exp.DType.MAP) else "len", made.arguments[0]), "BIGINT")


def _reverse(made: Call) -> exp.Expr:
    return call("list_reverse" if types.is_type(made.arguments[0], exp.DType.ARRAY) else "reverse", made.arguments[0])


def _element_at(made: Call) -> exp.Expr:
    return exp.Bracket(this=paren(made.arguments[0]), expressions=[made.arguments[1]])


def _over(target: str) -> Callable[[Call], exp.Expr]:
    """A function of an array and a lambda that DuckDB has under another name."""

    def form(made: Call) -> exp.Expr:
        return call(target, made.arguments[0], made.function(1, 1))

    return form


def _match(test: str, negated: bool = False) -> Callable[[Call], exp.Expr]:
    def form(made: Call) -> exp.Expr:
        result = translation(test, call("list_transform", made.arguments[0], made.function(1, 1)))
        return exp.Not(this=result) if negated else result

    return form


class _Pairs:
    """A lambda of two parameters, as DuckDB's lambda of one that is the pair of them."""

    def __init__(self, made: Call, index: int, parts: Callable[[int], exp.Expr]) -> None:
        function = made.function(index, 2)
        # A lambda inside has fewer lambdas inside itself, so no name hides another.
        self._name = f"_pair_{sum(1 for _ in function.find_all(exp.Lambda))}"
        self._parts = parts
        first, second = (parameter.name for parameter in function.expressions)
        self.body = _substituted(made, function.this, {first: lambda: self.part(0), second: lambda: self.part(1)})

    def part(self, index: int) -> exp.Expr:
        """One of the two values."""
        return call("struct_extract", exp.to_identifier(self._name, quoted=True), self._parts(index))

    def function(self, body: exp.Expr) -> exp.Lambda:
        """The lambda with this body."""
        return exp.Lambda(this=body, expressions=[exp.to_identifier(self._name, quoted=True)])


def _substituted(made: Call, body: exp.Expr, values: dict[str, Callable[[], exp.Expr]]) -> exp.Expr:
    try:
        return substitute(body, values)
    except ValueError as error:
        raise made.error(f"a lambda inside also calls its parameter {error}", "give it another name") from None


def _entry(index: int) -> exp.Expr:
    return string(("key", "value")[index])


def _zip_with(made: Call) -> exp.Expr:
    pairs = _Pairs(made, 2, lambda index: number(index + 1))
    return call("list_transform", call("list_zip", made.arguments[0], made.arguments[1]), pairs.function(pairs.body))


def _map_filter(made: Call) -> exp.Expr:
    pairs = _Pairs(made, 1, _entry)
    return call("map_from_entries", call("list_filter", call("map_entries", made.arguments[0]), pairs.function(pairs.body)))


def _map_transform(made: Call) -> exp.Expr:
    pairs = _Pairs(made, 1, _entry)
    entry = (pairs.part(0), pairs.body) if made.name == "transform_values" else (pairs.body, pairs.part(1))
    entries = call("list_transform", call("map_entries", made.arguments[0]), pairs.function(call("row", *entry)))
    return call("map_from_entries", entries)


def _reduce(made: Call) -> exp.Expr:
    step, last = made.function(2, 2), made.function(3, 1)
    state = call("list_reduce", made.arguments[0], step, made.arguments[1])
    return _substituted(made, last.this, {last.expressions[0].name: state.copy})


def _subscript(node: exp.Bracket, context: Context) -> exp.Expr:
    check_array(node.this, context)
    if len(node.expressions) == 1 and node.this.type is not None:
        if node.this.type.this == exp.DType.ARRAY:
            return translation("array_element", node.this, node.expressions[0])
        if node.this.type.this == exp.DType.MAP:
            return translation("map_element", node.this, node.expressions[0])
    raise context.error("whether this is an array or a map cannot be told", node, "use element_at", code="LW-502")


def _unnest(node: exp.Unnest, context: Context) -> exp.Expr:
    """UNNEST as a lateral SELECT, in which DuckDB zips arrays and pads with NULL as Trino does."""
    alias = node.args.get("alias")
    columns = [column.name for column in alias.columns] if alias else []
    offset = node.args.get("offset")
    outputs: list[exp.Expr] = []
    lengths: list[exp.Expr] = []
    is_map = len(node.expressions) == 1 and len(columns) == 2
    for value in node.expressions:
        check_array(value, context)
        parts = [call("map_keys", value), call("map_values", value.copy())] if is_map else [value]
        outputs.extend(call("unnest", part) for part in parts)
        lengths.append(call("coalesce", call("len", parts[0].copy()), number(0)))
    if columns and len(columns) != len(outputs):
        raise context.error(f"UNNEST gives {len(outputs)} columns, {len(columns)} are named", node)
    if offset:
        longest = call("greatest", *lengths)
        outputs.append(call("unnest", call("range", number(1), exp.Add(this=longest, expression=number(1)))))
        columns.append(offset.name if isinstance(offset, exp.Identifier) else "ordinality")
    named = exp.TableAlias(this=alias.this if alias else exp.to_identifier("_unnest"), columns=[*map(_quoted, columns)])
    return exp.Lateral(this=exp.Subquery(this=exp.Select(expressions=outputs)), alias=named)


def _quoted(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


RULES: dict[type[exp.Expr], Rule] = {exp.Bracket: _subscript, exp.Unnest: _unnest}
FORMS: dict[str, Form] = {
    "cardinality": ((1,), _cardinality),
    "reverse": ((1,), _reverse),
    "element_at": ((2,), _element_at),
    "transform": ((2,), _over("list_transform")),
    "filter": ((2,), _over("list_filter")),
    "any_match": ((2,), _match("any_true")),
    "all_match": ((2,), _match("all_true")),
    "none_match": ((2,), _match("any_true", negated=True)),
    "zip_with": ((3,), _zip_with),
    "map_filter": ((2,), _map_filter),
    "transform_values": ((2,), _map_transform),
    "transform_keys": ((2,), _map_transform),
    "reduce": ((4,), _reduce),
}
