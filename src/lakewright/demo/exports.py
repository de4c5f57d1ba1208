"""Exports: files that a demonstration drops into the folder of a source, and what the lake made of every record of them."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable, Sequence

from lakewright.demo import script
from lakewright.demo.settings import Export, ExportSettings
from lakewright.errors import SourceError
from lakewright.model.names import DATASETS, QUARANTINE, TableName, quote_literal
from lakewright.pipeline.lake import Lake
from lakewright.project.spec import FilesSettings
from lakewright.sources.files.arrivals import Arrival, Arrivals

SECONDS = 60.0
BYTES_A_SECOND = 500_000
"""How long arriving may take: so many seconds, and longer the larger the files are."""

Say = Callable[[str], None]
"""Prints a line."""
Show = Callable[[Lake, str], None]
"""Runs a saved query and prints its answer."""


@dataclasses.dataclass(frozen=True)
class Sent:
    """A file as it was written: its name, its rows (the header is none), its bytes and their checksum."""

    name: str
    rows: int
    size: int
    sha256: str


class Exports:
    """Makes the files of `settings` with queries on the database at `url`, at a scale, and follows them into the lake."""

    def __init__(self, lake: Lake, url: str, settings: ExportSettings, scale: float) -> None:
        source = lake.project.settings.sources.get(settings.source)
        if not isinstance(source, FilesSettings):
            hint = "name it in demo.yaml as lake.yaml does"
            raise SourceError("LW-248", f"there is no source {settings.source} of kind files", hint=hint)
        self.source = settings.source
        self._lake = lake
        self._url = url
        self._settings = settings
        self._scale = scale
        self._datasets = source.datasets
        self._folder = lake.project.folder / source.path
        self._folder.mkdir(parents=True, exist_ok=True)

    def send(self, say: Say) -> list[Sent]:
        """Drop all files into the folder."""
        start, sent = time.monotonic(), [self._write(export, corrected=False) for export in self._settings.files]
        say(
            f"dropped {len(sent)} files with {sum(file.rows for file in sent):,} rows, {sum(file.size for file in sent):,} bytes,"
            f" into the folder of {self.source} in {time.monotonic() - start:.1f} s"
        )
        return sent

    def follow(self, sent: Sequence[Sent], say: Say, show: Show) -> None:
        """Wait until the files are in the lake and tell what became of them; then correct those that are to be.

        Raises `SourceError`: LW-251 where a file does not arrive, LW-270 where its rows are not all there.
        """
        say("every row of a file is in its table or, with the reason, in quarantine:")
        self._wait(sent, say)
        for name in self._settings.queries:
            show(self._lake, name)
        corrected = [
            self._write(export, corrected=True) for export in self._settings.files if export.file in self._settings.corrected
        ]
        if corrected:
            say("the same file corrected: its rows replace those of the former version")
            self._wait(corrected, say)

    def _write(self, export: Export, *, corrected: bool) -> Sent:
        target, query = self._folder / export.file, self._lake.project.folder / export.query
        settings = {"scale": repr(self._scale), "file": export.file, "corrected": str(corrected).lower()}
        rows = script.write_rows(self._url, query, {f"lakewright.{name}": value for name, value in settings.items()}, target)
        with target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Sent(export.file, rows - 1, target.stat().st_size, digest)

    def _wait(self, sent: Sequence[Sent], say: Say) -> None:
        """Until the files are in the lake; then say of each where its rows are."""
        arrivals = Arrivals(self._lake.store, self._lake.project.settings.zones.folders().raw, self.source)
        end = time.monotonic() + SECONDS + sum(file.size for file in sent) / BYTES_A_SECOND
        while not self._are_in(arrivals, sent):
            if time.monotonic() > end:
                raise SourceError("LW-251", "files that were sent are not in the lake in time", hint="`lakewright status`")
            time.sleep(0.1)
        for file in sent:
            self._count(file, arrivals.newest()[file.name], say)

    def _are_in(self, arrivals: Arrivals, sent: Sequence[Sent]) -> bool:
        """Whether all are transferred as they are now, and the log has gone past them."""
        newest = arrivals.newest()
        found = [newest[file.name] for file in sent if file.name in newest and newest[file.name].sha256 == file.sha256]
        done = self._lake.log(self.source).view().watermark.lsn
        return len(found) == len(sent) and all(arrival.number < done for arrival in found)

    def _count(self, file: Sent, arrival: Arrival, say: Say) -> None:
        """Say how many rows of a file are in its table and how many were rejected; with a key, rows do not tell their file."""
        mode = self._datasets[arrival.dataset].mode
        names = {mirror.origin: mirror.name for mirror in self._lake.mirrors() if mirror.source == self.source}
        table, quarantine = (names[TableName(schema, arrival.dataset)] for schema in (DATASETS, QUARANTINE))
        of_file = f" WHERE _file = {quote_literal(file.name)}"
        rejected = self._rows(f"{quarantine}{of_file}")
        if mode in ("upsert", "delta"):
            say(f"  {file.name}: {file.rows:,} rows, {rejected:,} of them in {quarantine}")
            return
        rows = self._rows(f"{table}{of_file if mode == 'append' else ''}")
        say(f"  {file.name}: {file.rows:,} rows = {rows:,} in {table} + {rejected:,} in {quarantine}")
        if rows + rejected != file.rows:
            message = f"{file.name} has {file.rows:,} rows, and {rows + rejected:,} are in the lake"
            raise SourceError("LW-270", message, hint="`lakewright status`, `lakewright doctor`")

    def _rows(self, relation: str) -> int:
        with self._lake.sql(f"SELECT count(*) FROM {relation}") as answer:
            return sum(batch.column(0)[0].as_py() for batch in answer.batches())
