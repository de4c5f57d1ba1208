"""Rejected rows as people correct them: the columns and values they are shown, and what they made of them as an arrival."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence

from lakewright.errors import AlreadyExists, SourceError
from lakewright.model.contracts import Store
from lakewright.model.position import Position
from lakewright.model.times import utc_now
from lakewright.sources.files.arrival_reader import ArrivalReader, DefinitionOf
from lakewright.sources.files.arrivals import Arrival, Arrivals
from lakewright.sources.files.dataset import Dialect
from lakewright.sources.files.definition import Definition
from lakewright.sources.files.rejected import row_values
from lakewright.sources.files.replay import to_bytes


class Corrections:
    """The rejected rows of the files of one dataset; ``columns`` are the names that its files give their columns.
    Files go by their labels, and their rejected rows are shown as they were read.

    `standing` are the versions of its files that count, and `last` the last arrival of each name, looked up before. Nothing is
    registered of a file of which anything has arrived since. So whoever looks, once the log has reached ``position``, which rows
    are still rejected, replays no row that another replay has brought in.
    """

    def __init__(
        self,
        store: Store,
        arrivals: Arrivals,
        reader: ArrivalReader,
        definition: Definition,
        as_read: DefinitionOf,
        last: Mapping[str, Arrival],
        standing: Sequence[Arrival],
    ) -> None:
        self.columns = [column.source_name for column in definition.dataset.columns]
        self._store = store
        self._arrivals = arrivals
        self._reader = reader
        self._definition = definition
        self._as_read = as_read
        self._forms: dict[int, tuple[list[str], Dialect]] = {}
        self._last = {arrival.label: arrival for arrival in last.values()}
        self._standing = {arrival.label: arrival for arrival in standing}
        self.position = Position(1 + max((arrival.number for arrival in self._last.values()), default=0))

    def values(self, number: int, text: str) -> list[str]:
        """The values of a rejected row of arrival `number`, in the order of ``columns``, as far as its text goes."""
        names, dialect = self._form_of(number)
        found = dict(zip(names, row_values(text, names, dialect), strict=True))
        return [found.get(column, "") for column in self.columns]

    def require(self, file: str, number: int) -> None:
        """Raise `SourceError` where arrival `number` is not the version of a file that counts any more: its rows were replaced.

        Also where it was read under a former definition.
        """
        version = self._standing.get(file)
        if version is None or version.number != number:
            raise _replaced(file)
        if self._as_read(version).digest != self._definition.digest:
            name = self._definition.dataset.name
            message = f"the rows of {file} were rejected under a former definition of the dataset {name}"
            hint = f"`lakewright resync {name}` reads the file under the present one; replay after that what is still rejected"
            raise SourceError("LW-289", message, hint=hint)

    def register(self, file: str, number: int, rows: Mapping[int, Sequence[str]]) -> Arrival:
        """Register the rows that arrival `number` of a file shall have at these lines, with values in the order of ``columns``.

        Raises `SourceError` as `require`, and where something else of the file has arrived.
        """
        self.require(file, number)
        (names, _), last, now = self._form_of(number), self._last[file], utc_now()
        places = [self.columns.index(name) for name in names]
        data = to_bytes(names, {line: [values[place] for place in places] for line, values in rows.items()})
        sha256 = hashlib.sha256(data).hexdigest()
        replay = f"replay of {number} after {last.number}: {sha256}"
        dataset, modified = self._definition.dataset.name, self._standing[file].modified
        stored = self._arrivals.stored_name(dataset, f"{last.name}.replay.csv", modified, replay)
        with contextlib.suppress(AlreadyExists):
            self._store.create(stored, data)
        arrival = Arrival(0, last.name, dataset, stored, len(data), sha256, now, now, corrects=number)
        registered = self._arrivals.append(arrival, last)
        if registered is None:
            raise _replaced(file)
        return registered

    def _form_of(self, number: int) -> tuple[list[str], Dialect]:
        """The columns of an arrival, in its own order, and how it is written."""
        if number not in self._forms:
            arrival = self._arrivals.get(number)
            dataset = self._as_read(arrival).dataset
            self._forms[number] = self._reader.names(arrival, dataset), dataset.dialect
        return self._forms[number]


def _replaced(file: str) -> SourceError:
    hint = "`lakewright quarantine export` writes the rows that are rejected now"
    return SourceError("LW-287", f"the file {file} has arrived anew or was corrected meanwhile", hint=hint)
