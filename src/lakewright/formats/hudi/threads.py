"""How many threads the work at one table is divided among."""

from __future__ import annotations

import os

THREADS = min(4, os.cpu_count() or 1)
"""Of one pool; each that encodes holds a row group in memory."""
