"""Athena's SQL, translated for DuckDB: what is right passes, what cannot be right is refused by name.

The way of a statement, in `translate`: `statement` parses it with `dialect`; `allowed` refuses what is not on its list; `tables`
puts relations in the place of table names; `columns` resolves every other name; `types` gives each expression the type it has in
Trino; `rewrite` then walks the tree and lets the rules of `arithmetic`, `conditions`, `casts`, `times`, `texts`, `nested`,
`aggregation` and `functions` change what DuckDB would understand differently, most of it to calls of macros in ``macros.sql``.
Every error points into the user's text (`place`).

The meanings are those of trino.io/docs/current/functions.html, with Athena's reading of 1.5 as double.
"""
