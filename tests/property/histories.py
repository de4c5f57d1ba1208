"""Random histories of a PostgreSQL schema: transactions that a lake has to follow.

Five tables stand for what the stream can do: ``wide`` (a TOASTed column that most updates do not send), ``pair`` (a key of two
columns), ``whole`` (REPLICA IDENTITY FULL), ``coded`` (the key is another unique index), ``heap`` (no key). Each transaction
has one to six statements; some are rolled back, in whole or to a savepoint. Now and then a table gets one more column. The random
generator decides everything, so a seed is a history.
"""

from __future__ import annotations

import random

import psycopg2
import psycopg2.extensions

TABLES = ("coded", "heap", "pair", "whole", "wide")
KEYED = {"wide": "id", "whole": "id", "coded": "code", "pair": "x"}

SCHEMA = """
CREATE TABLE wide (id int PRIMARY KEY, v int, big text, small text);
ALTER TABLE wide ALTER COLUMN big SET STORAGE EXTERNAL;
CREATE TABLE pair (x int, y text, v numeric(10, 2), big text, PRIMARY KEY (x, y));
ALTER TABLE pair ALTER COLUMN big SET STORAGE EXTERNAL;
CREATE TABLE whole (id int PRIMARY KEY, v int, big text);
ALTER TABLE whole ALTER COLUMN big SET STORAGE EXTERNAL;
ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE coded (id int PRIMARY KEY, code text NOT NULL UNIQUE, v timestamptz, big text);
ALTER TABLE coded ALTER COLUMN big SET STORAGE EXTERNAL;
ALTER TABLE coded REPLICA IDENTITY USING INDEX coded_code_key;
CREATE TABLE heap (v int, note text);
"""


class History:
    """A source of transactions on the five tables of one schema, over a connection of its own."""

    def __init__(self, connection: psycopg2.extensions.connection, schema: str, rng: random.Random) -> None:
        self.schema = schema
        self._con = connection
        self._rng = rng
        self._n = 0
        with connection, connection.cursor() as cursor:
            # The notices of IF NOT EXISTS are not read.
            cursor.execute(
                f"SET client_min_messages = warning; CREATE SCHEMA {schema}; SET LOCAL search_path = {schema}; {SCHEMA}"
            )

    def transaction(self) -> None:
        """One transaction: committed, rolled back, or with a savepoint that is."""
        rng = self._rng
        with self._con.cursor() as cursor:
            cursor.execute(f"SET LOCAL search_path = {self.schema}")
            for _ in range(rng.randint(1, 6)):
                if rng.random() < 0.15:
                    cursor.execute("SAVEPOINT s")
                    self._statement(cursor)
                    cursor.execute("ROLLBACK TO s" if rng.random() < 0.6 else "RELEASE s")
                else:
                    self._statement(cursor)
        if rng.random() < 0.1:
            self._con.rollback()
        else:
            self._con.commit()

    def rows(self, table: str) -> list[tuple[object, ...]]:
        """The table's rows, sorted."""
        with self._con, self._con.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {self.schema}.{table}")
            return sorted(cursor.fetchall(), key=repr)

    # ---- statements

    def _statement(self, cursor: psycopg2.extensions.cursor) -> None:
        rng, self._n = self._rng, self._n + 1
        table = rng.choice(TABLES)
        if rng.random() < 0.03:
            cursor.execute(f"TRUNCATE {', '.join(rng.sample(TABLES, rng.randint(1, 3)))}")
        elif rng.random() < 0.03:
            self._widen(cursor, table)
        elif table == "heap":
            cursor.execute("INSERT INTO heap SELECT g, %s FROM generate_series(1, %s) g", (self._text(), rng.randint(1, 3)))
        else:
            rng.choice(
                (self._insert, self._insert, self._update, self._update, self._update, self._move, self._swap, self._delete)
            )(cursor, table)

    def _widen(self, cursor: psycopg2.extensions.cursor, table: str) -> None:
        """One more column, of nulls or of a constant, and a row that has it: an idle table tells nothing of its columns."""
        more = self._rng.choice(("text", "int DEFAULT 7", "text DEFAULT 'it''s'", "numeric(6, 2) DEFAULT 1.5"))
        cursor.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS more {more}")
        key = 1000 + self._n
        row = {"coded": f"({key}, 'c{key}')", "pair": f"({key}, 'a')"}.get(table, f"({key})")
        cursor.execute(f"INSERT INTO {table} VALUES {row}")

    def _insert(self, cursor: psycopg2.extensions.cursor, table: str) -> None:
        key, big = self._rng.randint(1, 8), self._big()
        row = {
            "wide": "(%(k)s, %(n)s, %(big)s, %(small)s)",
            "pair": "(%(k)s, %(y)s, %(n)s / 7.0, %(big)s)",
            "whole": "(%(k)s, %(n)s, %(big)s)",
            "coded": "(%(k)s, 'c' || %(k)s, now(), %(big)s)",
        }[table]
        values = {"k": key, "n": self._n, "big": big, "small": self._text(), "y": self._rng.choice("ab")}
        cursor.execute(f"INSERT INTO {table} VALUES {row} ON CONFLICT DO NOTHING", values)

    def _update(self, cursor: psycopg2.extensions.cursor, table: str) -> None:
        what = self._rng.choice(("v = {v}", "v = {v}", "v = NULL", "big = %(big)s", "v = {v}, big = %(big)s"))
        value = "now()" if table == "coded" else "%(n)s"
        key = KEYED[table]
        test = f"{key} {'>=' if self._rng.random() < 0.3 else '='} %(k)s"
        cursor.execute(f"UPDATE {table} SET {what.format(v=value)} WHERE {test}", self._values(table))

    def _move(self, cursor: psycopg2.extensions.cursor, table: str) -> None:
        """A key change; the TOASTed column is not sent."""
        key, values = KEYED[table], self._values(table)
        values["to"] = self._key(table)
        cursor.execute(
            f"UPDATE {table} t SET {key} = %(to)s WHERE {key} = %(k)s"
            f" AND NOT EXISTS (SELECT FROM {table} o WHERE o.{key} = %(to)s)",
            values,
        )

    def _swap(self, cursor: psycopg2.extensions.cursor, table: str) -> None:
        """Two rows change keys through a third, a chain of three key changes."""
        key, values = KEYED[table], self._values(table)
        values |= {"to": self._key(table), "spare": "spare" if table == "coded" else 99}
        for old, new in (("k", "spare"), ("to", "k"), ("spare", "to")):
            if values["k"] != values["to"]:
                cursor.execute(f"UPDATE {table} SET {key} = %({new})s WHERE {key} = %({old})s", values)

    def _delete(self, cursor: psycopg2.extensions.cursor, table: str) -> None:
        cursor.execute(f"DELETE FROM {table} WHERE {KEYED[table]} = %(k)s", self._values(table))

    def _values(self, table: str) -> dict[str, object]:
        return {"k": self._key(table), "n": self._n, "big": self._big()}

    def _key(self, table: str) -> object:
        key = self._rng.randint(1, 8)
        return f"c{key}" if table == "coded" else key

    def _text(self) -> str | None:
        return self._rng.choice((None, "", "it's", f"n{self._n}", "ü€"))

    def _big(self) -> str | None:
        """Long enough to be stored out of line."""
        return self._rng.choice((None, f"{self._n:04d}" * 700, f"{self._n:04d}" * 700, "short"))
