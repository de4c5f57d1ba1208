"""The work behind the commands, over the one idea of `table_at`."""
