"""The `lakewright` command: thin functions over the lake; data on stdout, talk on stderr."""
