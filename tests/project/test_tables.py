"""Which tables a lake has."""

from __future__ import annotations

import pytest

from lakewright.errors import ConfigError
from lakewright.model.names import TableName
from lakewright.model.schema import Column, TableSchema
from lakewright.project import lake_tables, require_listed

TWO_SOURCES = (
    "lake: a\nsources:\n  s: {kind: postgres, url: x, tables: ['*.*']}\n  r: {kind: postgres, url: x, tables: ['*.*']}\n"
)


def table(name: str, **columns: str) -> TableSchema:
    listed = {"id": "bigint", **columns}
    return TableSchema(TableName.parse(name), tuple(Column(column, kind, kind) for column, kind in listed.items()), ("id",))


def test_a_table_that_is_not_listed_has_its_own_name(lake_yaml):
    lake = lake_yaml(TWO_SOURCES + "tables: {sales: {from: s.public.order}}\n").lake
    found, _ = lake_tables(lake, {"s": [table("public.order"), table("public.part")], "r": [table("x.staff")]})
    assert [(t.name, str(t.origin)) for t in found] == [
        ("part", "s.public.part"),
        ("sales", "s.public.order"),
        ("x_staff", "r.x.staff"),
    ]


def test_tables_of_other_schemas_have_the_schema_in_front(lake_yaml):
    lake = lake_yaml(TWO_SOURCES + "tables: {part: {from: r.x.piece}}\n").lake
    found, _ = lake_tables(lake, {"s": [table("a.t"), table("b.t"), table("a.part")], "r": [table("x.piece")]})
    assert [t.name for t in found] == ["a_part", "a_t", "b_t", "part"]


def refused(lake_yaml, listed: str, *tables: TableSchema) -> ConfigError:
    lake = lake_yaml(TWO_SOURCES + listed).lake
    _, (misfit,) = lake_tables(lake, {"s": tables, "r": []})
    assert (misfit.source, misfit.table) == ("s", tables[-1].name)
    assert isinstance(misfit.error, ConfigError)
    return misfit.error


@pytest.mark.parametrize(
    ("listed", "name", "columns", "code", "word"),
    [
        ("tables: {t: {from: s.public.t, partition: day(at)}}\n", "public.t", {}, "LW-113", "no column at"),
        ("tables: {t: {from: s.public.t, partition: day(id)}}\n", "public.t", {}, "LW-113", "id is bigint"),
        ("tables: {t: {from: s.public.t, types: {x: 'decimal(5,2)'}}}\n", "public.t", {}, "LW-113", "no column x"),
    ],
)
def test_what_cannot_stand_in_the_lake_is_refused(lake_yaml, listed, name, columns, code, word):
    error = refused(lake_yaml, listed, table(name, **columns))
    assert error.code == code
    assert word in error.message
    assert error.hint


def test_two_tables_of_one_name_in_two_sources_are_refused_with_the_line_that_helps(lake_yaml):
    lake = lake_yaml(TWO_SOURCES).lake
    (found,), (misfit,) = lake_tables(lake, {"s": [table("public.t")], "r": [table("public.t")]})
    assert str(found.origin) == "r.public.t"
    assert str(misfit.error) == "s.public.t and r.public.t would both be table t"
    assert "from: s.public.t" in str(misfit.error.hint)


def test_a_name_goes_first_to_the_table_that_is_named_then_to_the_one_that_has_it(lake_yaml):
    twins = [table("public.B"), table("public.b"), table("public.c")]
    found, misfits = lake_tables(lake_yaml(TWO_SOURCES).lake, {"s": twins})
    assert [str(t.origin) for t in found] == ["s.public.b", "s.public.c"]
    assert [str(misfit.table) for misfit in misfits] == ["public.B"]
    found, misfits = lake_tables(lake_yaml(TWO_SOURCES + "tables: {b: {from: s.public.c}}\n").lake, {"s": twins})
    assert [(t.name, str(t.origin)) for t in found] == [("b", "s.public.c")]
    assert [str(misfit.table) for misfit in misfits] == ["public.b", "public.B"]


def test_a_listed_table_may_be_unknown_yet_but_not_missing_in_its_source(lake_yaml):
    lake = lake_yaml(TWO_SOURCES + "tables: {u: {from: s.public.u}}\n").lake
    assert [found.name for found in lake_tables(lake, {"s": [table("public.t")]})[0]] == ["t"]
    require_listed(lake, "r", [])
    require_listed(lake, "s", [table("public.t"), table("public.u")])
    with pytest.raises(ConfigError, match=r"tables\.u: there is no table s\.public\.u") as caught:
        require_listed(lake, "s", [table("public.t")])
    assert caught.value.code == "LW-111"
