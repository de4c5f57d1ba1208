"""A lake with its sources: what capture works on, wherever its settings come from."""

from __future__ import annotations

import abc

from lakewright.model.contracts import Source
from lakewright.model.names import TableName
from lakewright.pipeline.holdings import Holdings


class Sourced(Holdings, abc.ABC):
    """What a lake holds, and its sources."""

    @abc.abstractmethod
    def source(self, name: str) -> Source:
        """The source of that name, connected when first used."""

    @abc.abstractmethod
    def wants(self, source: str, table: TableName) -> bool:
        """Whether the table of a source is among those to capture."""

    @abc.abstractmethod
    def has_slot(self, source: str) -> bool:
        """Whether the source itself remembers, by a replication slot, how far its log is."""
