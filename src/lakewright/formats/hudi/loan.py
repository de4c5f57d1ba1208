"""A table lent to Spark: made ready for Hudi's own writer, and what that must be told so that it loses nothing of the table."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from lakewright.errors import CommitConflict, FormatError
from lakewright.formats.hudi import commits, keys, partitions, properties, rollback
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.metadata import CHECKPOINT
from lakewright.formats.hudi.timeline import Instant
from lakewright.formats.hudi.write import lock, prepare
from lakewright.model import types
from lakewright.model.contracts import Store
from lakewright.model.names import quote_identifier as quote
from lakewright.model.table import Checkpoint, Commit, TableSpec
from lakewright.model.times import utc_now

_ALWAYS = {
    # What the row writer makes of a small decimal Hudi's own upsert cannot read, or of a list in its company it reads nulls.
    "hoodie.datasource.write.row.writer.enable": "false",
    # A metadata table is stale after our next commit, and Spark would lose the rows of that.
    "hoodie.metadata.enable": "false",
    # Retention is `lakewright maintain`'s: a file that a savepoint or an as-of needs is not Spark's to delete.
    "hoodie.clean.automatic": "false",
    "hoodie.archive.automatic": "false",
    # So is what is compacted when: left to itself, Spark does it after five commits.
    "hoodie.compact.inline": "false",
    "hoodie.embed.timeline.server": "false",
    "hoodie.combine.before.upsert": "false",
    "hoodie.datasource.write.commitmeta.key.prefix": CHECKPOINT.rpartition(".")[0] + ".",
}


class HudiLoan:
    """Fulfils `lakewright.model.contracts.Loan`."""

    def __init__(self, folder: Folder) -> None:
        with lock(folder):
            hoodie, self._properties = prepare(folder)
            hoodie.timeline.require_past(utc_now())  # Spark does not look whether its clock is behind the newest instant
            hoodie = rollback.roll_back_others(folder, "")
            commits.require_here(folder, hoodie.timeline)
            self._seen = hoodie.timeline.writes[-1:]
            self.base: Commit | None = commits.newest_with_checkpoint(folder, hoodie)
            self.spec: TableSpec = commits.spec_as_of(folder, hoodie.timeline, self._properties)
        self._folder = folder

    def settings(self, checkpoint: Checkpoint, *, replaces: bool) -> Mapping[str, str]:
        """What Hudi's writer is told for one commit with `checkpoint`, of changes or of rows that take the place of all."""
        operation = "upsert" if not replaces else "insert_overwrite_table" if self._seen else "bulk_insert"
        index = {"hoodie.index.type": "SIMPLE"}
        if self.spec.partition:  # which is no function of the key, so a key is looked for in all partitions
            index = {"hoodie.index.type": "GLOBAL_SIMPLE", "hoodie.simple.index.update.partition.path": "true"}
        return {
            **_ALWAYS,
            **properties.writer_settings(self._properties),
            **index,
            "hoodie.datasource.write.operation": operation,
            CHECKPOINT: checkpoint.to_json(),
        }

    def refused(self) -> list[tuple[str, FormatError]]:
        """Conditions in Spark's SQL on rows that the table cannot take, and what each means."""
        kinds = dict(self.spec.columns)
        found = []
        for name, following in zip(self.spec.key, [*self.spec.key[1:], ""], strict=True):
            if len(self.spec.key) > 1 and kinds[name] == types.STRING:
                near = f" OR contains({quote(name)}, ',{following}:')" if following else ""
                found.append((f"{quote(name)} = '{keys.EMPTY}'{near}", keys.ambiguous(name, self.spec.name)))
        for name in self.spec.partition:
            if kinds[name] == types.STRING:
                found.append((f"rlike({quote(name)}, r'{partitions.NOT_IN_LEVEL}')", partitions.no_folder(name, self.spec.name)))
        return found

    def guard(self) -> Callable[[], None]:
        """A function, which can be sent to another process, that raises `CommitConflict` where a write completed since."""
        return functools.partial(_unmoved, self._folder.store, self._folder.path, self._seen)


def _unmoved(store: Store, path: str, seen: list[Instant]) -> None:
    if Folder(store, path).hoodie().timeline.writes[-1:] != seen:
        raise CommitConflict("LW-416", f"another commit of {path} came before Spark's", hint="read the table again and repeat")
