"""PostgreSQL 14 and later: load by snapshot, changes by logical replication (pgoutput)."""
