"""PostgreSQL 14 and later: load by snapshot, changes by logical replication (pgoutput). `source.PostgresSource` is the way in."""
