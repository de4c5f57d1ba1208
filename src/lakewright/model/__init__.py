"""Values without I/O: names, types, schemas, positions, batches, and the protocols that plug-ins fulfil."""
