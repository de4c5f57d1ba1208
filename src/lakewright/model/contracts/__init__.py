"""The protocols that plug-ins fulfil; nobody has to inherit from them.

A docstring here is the contract: what may repeat, reorder and fail. `lakewright.testing` has suites that hold a store or a source
against it.
"""

from __future__ import annotations

from lakewright.model.contracts.changes import Drift, Flush, Past, Stopped
from lakewright.model.contracts.source import Discovered, Load, Source, SourceFacts, Stream, Waiting
from lakewright.model.contracts.store import Entry, Store
from lakewright.model.contracts.table import Loan, Table, TableFormat, Write

__all__ = [
    "Discovered",
    "Drift",
    "Entry",
    "Flush",
    "Load",
    "Loan",
    "Past",
    "Source",
    "SourceFacts",
    "Stopped",
    "Store",
    "Stream",
    "Table",
    "TableFormat",
    "Waiting",
    "Write",
]
