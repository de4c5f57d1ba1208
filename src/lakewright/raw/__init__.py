"""The raw log of a source: files of rows, manifests that name them, and the fold of changes over rows."""
