"""Athena's SQL, translated for DuckDB: what is right passes, what cannot be right is refused by name.

A statement goes through `statement` (parse), `allowed` (the allow-list), `tables` (references become relations), `columns` (names
are resolved, wrong ones reported), `types` (static types as Trino has them), `rewrite` and `functions` (operators and calls become
calls of the macros in ``macros.sql``), and comes out as one SELECT. `place` puts the caret under the wrong word of the user's text.

What differs from plain DuckDB is what Trino's documentation says (trino.io/docs/current/functions.html), with Athena's reading of
decimal literals as double.
"""
