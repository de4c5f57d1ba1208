"""Which tables a lake has."""

from __future__ import annotations

import pytest

from lakewright.errors import ConfigError
from lakewright.model.names import TableName
from lakewright.model.schema import Column, TableSchema
from lakewright.project.tables import lake_tables, setting_faults

TWO_SOURCES = (
    "lake: a\nsources:\n  s: {kind: postgres, url: x, tables: ['*.*']}\n  r: {kind: postgres, url: x, tables: ['*.*']}\n"
)


def table(name: str, **columns: str) -> TableSchema:
    listed = {"id": "bigint", **columns}
    return TableSchema(TableName.parse(name), tuple(Column(column, kind, kind) for column, kind in listed.items()), ("id",))


def test_a_table_that_is_not_listed_has_its_own_name(lake_yaml):
    lake = lake_yaml(TWO_SOURCES + "tables: {sales: {from: s.public.order}}\n").resolved
    found, _ = lake_tables(lake, {"s": [table("public.order"), table("public.part")], "r": [table("x.staff")]})
    assert [(t.name, str(t.origin)) for t in found] == [
        ("part", "s.public.part"),
        ("sales", "s.public.order"),
        ("x_staff", "r.x.staff"),
    ]


def test_tables_of_other_schemas_have_the_schema_in_front(lake_yaml):
    lake = lake_yaml(TWO_SOURCES + "tables: {part: {from: r.x.piece}}\n").resolved
    found, _ = lake_tables(lake, {"s": [table("a.t"), table("b.t"), table("a.part")], "r": [table("x.piece")]})
    assert [t.name for t in found] == ["a_part", "a_t", "b_t", "part"]


def refused(lake_yaml, listed: str, *tables: TableSchema) -> ConfigError:
    lake = lake_yaml(TWO_SOURCES + listed).resolved
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
    lake = lake_yaml(TWO_SOURCES).resolved
    (found,), (misfit,) = lake_tables(lake, {"s": [table("public.t")], "r": [table("public.t")]})
    assert str(found.origin) == "r.public.t"
    assert str(misfit.error) == "s.public.t and r.public.t would both be table t"
    assert "from: s.public.t" in str(misfit.error.hint)


def test_a_name_goes_first_to_the_table_that_is_named_then_to_the_one_that_has_it(lake_yaml):
    twins = [table("public.B"), table("public.b"), table("public.c")]
    found, misfits = lake_tables(lake_yaml(TWO_SOURCES).resolved, {"s": twins})
    assert [str(t.origin) for t in found] == ["s.public.b", "s.public.c"]
    assert [str(misfit.table) for misfit in misfits] == ["public.B"]
    found, misfits = lake_tables(lake_yaml(TWO_SOURCES + "tables: {b: {from: s.public.c}}\n").resolved, {"s": twins})
    assert [(t.name, str(t.origin)) for t in found] == [("b", "s.public.c")]
    assert [str(misfit.table) for misfit in misfits] == ["public.b", "public.B"]


def faults(lake_yaml, listed: str, **versions: list[TableSchema]) -> list[ConfigError]:
    return setting_faults(
        lake_yaml(TWO_SOURCES + listed), "s", {TableName("public", name): all_ for name, all_ in versions.items()}
    )


def test_a_listed_table_that_never_was_is_a_fault_at_its_line(lake_yaml):
    (fault,) = faults(
        lake_yaml, "tables:\n  u: {from: s.public.ordres}\n  x: {from: r.public.y}\n", orders=[table("public.orders")]
    )
    assert (fault.code, str(fault)) == ("LW-111", "tables.u: there is no table s.public.ordres")
    assert fault.hint == "did you mean public.orders?"
    assert str(fault.where).endswith("lake.yaml:6")


def test_a_setting_is_a_fault_where_it_fits_no_version_of_its_table(lake_yaml):
    listed = "tables:\n  t:\n    from: s.public.t\n    partition: day(at)\n    types: {price: 'decimal(5,2)'}\n"
    now, before = table("public.t"), table("public.t", at="date", price="numeric")
    assert [str(fault.where).rpartition(":")[2] for fault in faults(lake_yaml, listed, t=[now])] == ["8", "9"]
    assert faults(lake_yaml, listed, t=[before, now]) == []
    assert faults(lake_yaml, listed, t=[]) == []
