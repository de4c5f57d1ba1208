"""Lakewright: PostgreSQL databases and folders of files as a queryable Hudi lakehouse, correct after every crash."""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["__version__"]
