"""Macros are read from their file as DuckDB reads them, and each comes with all that it uses."""

from __future__ import annotations

import collections

import duckdb

from lakewright.engines.athena_sql import macros


def test_macros_take_what_duckdb_says_they_take() -> None:
    found = collections.defaultdict(set)
    with duckdb.connect() as connection:
        connection.execute(macros.SCHEMAS)
        for macro in macros.macros().values():
            connection.execute(macro.statement)
        listed = "SELECT function_name, len(parameters) FROM duckdb_functions() WHERE schema_name = 'athena'"
        for name, count in connection.execute(listed).fetchall():
            found[name].add(count)
    assert found == macros.callable_arities()
    assert macros.source().count("CREATE OR REPLACE MACRO") == len(macros.macros())


def test_each_macro_uses_those_before_it() -> None:
    before = set()
    for name, macro in macros.macros().items():
        assert macro.uses - {name} <= before, name
        before.add(name)


def test_a_statement_needs_the_macros_it_names_and_what_they_use() -> None:
    assert macros.needed("SELECT 1, 'athena.no_such_name'") == []
    for name, macro in macros.macros().items():
        needed = [each.name for each in macros.needed(f"SELECT {name.upper()}(1)")]
        assert needed[-1] == name
        assert macro.uses <= set(needed)
