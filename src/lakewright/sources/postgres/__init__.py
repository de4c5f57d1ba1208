"""PostgreSQL 14 and later: load by snapshot, changes by logical replication (pgoutput)."""

from __future__ import annotations

from lakewright.sources.postgres.source import PostgresSource

__all__ = ["PostgresSource"]
