"""The run record: what became of each arrival, a JSON object ``<zone>/files/<source>/<20 digits>-<digest>.json`` in the zone
for logs.

The digest is that of the definition under which the arrival was read; where nothing was read there is none. A record is written
before the log goes past the arrival, or past a load that reads it again. Which of an arrival's records counts is what the log
says of its rows: so a crash between the two leaves none that is out of date.
"""

from __future__ import annotations

import dataclasses
import datetime
import json

from lakewright.errors import NotFound
from lakewright.model import fields
from lakewright.model.contracts import Store
from lakewright.model.times import utc_now
from lakewright.sources.files.arrivals import Arrival
from lakewright.storage.objects import path_part


@dataclasses.dataclass(frozen=True)
class Run:
    """What became of an arrival: the ``rows`` of the file are those ``taken`` and those ``rejected``.

    All three are None where none was taken: because the file waits, with the ``code`` of the error, or for another ``reason``.
    ``corrects`` is the number of the arrival whose rejected rows it replays, 0 for a file.
    """

    arrival: int
    file: str
    dataset: str
    size: int
    sha256: str
    corrects: int
    rows: int | None
    taken: int | None
    rejected: int | None
    code: str | None
    reason: str | None
    started: datetime.datetime
    ended: datetime.datetime

    @classmethod
    def of(
        cls,
        arrival: Arrival,
        started: datetime.datetime,
        counts: tuple[int, int] | None,
        reason: str | None = None,
        code: str | None = None,
    ) -> Run:
        """The run that ends now; `counts` are the rows taken and rejected."""
        taken, rejected = counts or (None, None)
        rows = None if counts is None else sum(counts)
        name, dataset, size, sha256 = arrival.label, arrival.dataset, arrival.size, arrival.sha256
        ended = utc_now()
        return cls(
            arrival.number, name, dataset, size, sha256, arrival.corrects, rows, taken, rejected, code, reason, started, ended
        )


class Runs:
    """The run records of a source, in the zone of that prefix. Errors are `StorageError`."""

    def __init__(self, store: Store, zone: str, source: str) -> None:
        self._store = store
        self._folder = f"{zone.rstrip('/')}/files/{path_part(source)}/"

    def put(self, run: Run, definition: str = "") -> None:
        """Write the record of an arrival that is being delivered, as it was read under the definition of that digest."""
        times = {"started": run.started.isoformat(), "ended": run.ended.isoformat()}
        self._store.put(
            self._name(run.arrival, definition), json.dumps({"version": 1, **dataclasses.asdict(run), **times}).encode()
        )

    def get(self, arrival: int, definition: str = "") -> Run:
        """The record of an arrival as it was read under the definition of that digest, else the last one there is of it.

        Raises `NotFound` where there is none, and where it is damaged.
        """
        name = self._name(arrival, definition)
        if not self._store.exists(name):
            others = [(entry.modified, entry.name) for entry in self._store.list(f"{self._folder}{arrival:020d}")]
            name = max(others, default=(None, name))[1]
        data = self._store.read(name)
        try:
            found = json.loads(data)
            times = {time: datetime.datetime.fromisoformat(found[time]) for time in ("started", "ended")}
            for number in ("rows", "taken", "rejected"):
                _ = found[number] is None or fields.count(found, number)
            return Run(**{field.name: found[field.name] for field in dataclasses.fields(Run)} | times)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise NotFound("LW-301", f"{name} is not a run record: {fields.damage(error)}") from None

    def _name(self, arrival: int, definition: str) -> str:
        return f"{self._folder}{arrival:020d}{'-' if definition else ''}{definition}.json"
