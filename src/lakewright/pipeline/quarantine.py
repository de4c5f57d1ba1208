"""Quarantine: what of the files of a lake's datasets is not in its tables - rejected rows, and files that wait."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lakewright.errors import ConfigError, SourceError
from lakewright.model.names import DATASETS, QUARANTINE, TableName, did_you_mean, quote_identifier
from lakewright.model.position import Position
from lakewright.pipeline import corrected_csv, query, survey
from lakewright.pipeline.catch_up import catch_up
from lakewright.pipeline.corrected_csv import PLACE
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.query import Answer
from lakewright.pipeline.wiring import Wiring
from lakewright.project.spec import FilesSettings
from lakewright.sources.files.arrivals import Arrival
from lakewright.sources.files.corrections import Corrections
from lakewright.sources.files.runs import Run

WHOLE_TEXT = (64 << 10) - 4
"""Bytes from which on the text of a rejected row may have been cut."""


@dataclasses.dataclass(frozen=True)
class DatasetRows:
    """A dataset: by its run records the rows of the files that count, ``in_files``, and those of them ``taken``; the rows of its
    table, and those rejected. What is in files is taken or rejected; where rows have a key, several that were taken may be one.

    None before the dataset is captured; the first two also where a run record is missing.
    """

    dataset: str
    source: str
    in_files: int | None
    taken: int | None
    rows: int | None
    rejected: int | None


@dataclasses.dataclass(frozen=True)
class WaitingFile:
    """A file that is not in its table, or not as it is now, with the reason, the place that is to be mended where one is known,
    such as its line, and what helps."""

    source: str
    file: str
    code: str
    message: str
    where: str | None
    hint: str | None


@dataclasses.dataclass(frozen=True)
class Quarantine:
    """All that is held back of the files of a lake; ``of_no_dataset`` are files of their folders that no dataset takes, and
    ``discarded`` those that waited until somebody discarded them."""

    datasets: tuple[DatasetRows, ...]
    waiting: tuple[WaitingFile, ...]
    of_no_dataset: int
    discarded: int


@dataclasses.dataclass(frozen=True)
class Discarded:
    """A file that waits no more; nothing of it is in the lake but its copy ``stored``, below the lake's folder."""

    source: str
    file: str
    stored: str


@dataclasses.dataclass(frozen=True)
class Exported:
    """How many rejected rows were written to a file; ``left_out`` are those that are too long to be kept as a whole."""

    table: str
    file: str
    rows: int
    left_out: int


@dataclasses.dataclass(frozen=True)
class Replayed:
    """What became of the corrected ``rows`` of a file: ``taken`` into the table, ``rejected`` again, or left alone because they
    were ``not_rejected`` any more, or still as they were exported (``unchanged``): nobody has corrected those."""

    table: str
    rows: int
    taken: int
    rejected: int
    not_rejected: int
    unchanged: int


def overview(lake: Wiring) -> Quarantine:
    """Every dataset and every file that waits; nothing is taken from a source's folder."""
    datasets, waiting, of_no_dataset, discarded = [], list[WaitingFile](), 0, 0
    tables = {(mirror.source, mirror.origin): mirror for mirror in survey.mirrors(lake)}
    for source, settings in _sources(lake).items():
        for dataset in settings.datasets:
            pair = [tables.get((source, TableName(schema, dataset))) for schema in (DATASETS, QUARANTINE)]
            rows, rejected = (None if mirror is None else _count(lake, mirror) for mirror in pair)
            in_files, taken = _recorded(lake, source, dataset) if pair[0] else (None, None)
            datasets.append(DatasetRows(pair[0].name if pair[0] else dataset, source, in_files, taken, rows, rejected))
        held = lake.inspection(source).held_back()
        of_no_dataset, discarded = of_no_dataset + held.unmatched, discarded + held.discarded
        waiting += [WaitingFile(source, file, e.code, e.message, e.where, e.hint) for file, e in sorted(held.faults.items())]
    return Quarantine(tuple(datasets), tuple(waiting), of_no_dataset, discarded)


def rejected_rows(lake: Wiring, name: str, *, limit: int | None = None) -> Answer:
    """The rejected rows of a dataset as they are now, by file and line."""
    most = "" if limit is None else f" LIMIT {limit}"
    return query.answer(lake, f"SELECT * FROM {quote_identifier(_quarantine_of(lake, name).name)} ORDER BY _file, _line{most}")


def export(lake: Wiring, name: str, path: Path) -> Exported:
    """Write the rejected rows of a dataset as a CSV file with the columns of its files, for people to correct.

    The file is there whole or not at all. Raises `ConfigError` where it exists already or cannot be written, and `LogError`
    where the lake's copy of a file is missing.
    """
    mirror = _quarantine_of(lake, name)
    corrections = lake.inspection(mirror.source).corrections(mirror.origin.table, lake.log(mirror.source).past())
    try:
        with path.open("x", newline="", encoding="utf-8") as file:
            try:
                with rejected_rows(lake, name) as answer:
                    done, left_out = _write(csv.writer(file), corrections, _records(answer))
            except BaseException:
                path.unlink()
                raise
    except FileExistsError:
        hint = "name a new file, so that no correction is lost"
        raise ConfigError("LW-277", f"{path} exists already", hint=hint) from None
    except OSError as error:
        raise ConfigError("LW-277", f"cannot write {path}: {error.strerror}", hint="name a file that can be written") from error
    return Exported(mirror.name, str(path), done, left_out)


def _write(writer: Any, corrections: Corrections, rows: Iterator[dict[str, Any]]) -> tuple[int, int]:
    """Write rejected rows; returns how many, and how many are too long."""
    done = left_out = 0
    writer.writerow(corrected_csv.header(corrections.columns))
    for row in rows:
        if len(row["text"].encode()) >= WHOLE_TEXT:
            left_out += 1
            continue
        values = corrections.values(row["_arrival"], row["text"])
        reason = f"{row['column']}: {row['reason']}" if row["column"] else row["reason"]
        writer.writerow([*(row[column] for column in PLACE), reason, *values])
        done += 1
    return done, left_out


def replay(lake: Wiring, name: str, path: Path) -> Replayed:
    """Take corrected rows of a dataset, from a file as `export` writes it, into its table; returns when they are in the log.

    Rows that are not rejected any more, or are as they were exported, are left alone. Raises `ConfigError` where the file is not
    such a one, and `SourceError` where a file of the source has arrived anew, or was corrected by somebody else, since.
    """
    mirror = _quarantine_of(lake, name)
    inspection, dataset = lake.inspection(mirror.source), mirror.origin.table
    corrections = inspection.corrections(dataset, lake.log(mirror.source).past())
    found = corrected_csv.read(path, corrections.columns)
    for file, number in found:
        corrections.require(file, number)
    catch_up(lake, mirror.source, corrections.position)
    with query.answer(lake, f"SELECT {', '.join(PLACE)}, text FROM {quote_identifier(mirror.name)}") as places:
        exported = {
            (row["_file"], row["_arrival"], row["_line"]): corrections.values(row["_arrival"], row["text"])
            for row in _records(places)
            if _in(found, row)
        }
    runs, left, unchanged = list[Run](), 0, 0
    for (file, number), rows in sorted(found.items()):
        still = {line: values for line, values in rows.items() if (file, number, line) in exported}
        left += len(rows) - len(still)
        corrected = {line: values for line, values in still.items() if values != exported[file, number, line]}
        unchanged += len(still) - len(corrected)
        if corrected:
            runs.append(_delivered(lake, mirror.source, corrections.register(file, number, corrected)))
    taken, rejected_again = (sum(getattr(run, count) or 0 for run in runs) for count in ("taken", "rejected"))
    return Replayed(mirror.name, sum(map(len, found.values())), taken, rejected_again, left, unchanged)


def accept(lake: Wiring, source: str, file: str) -> Run:
    """Take a file that waits with the rows that fit; returns what became of it, when it is in the log."""
    return _delivered(lake, source, lake.inspection(source).accept(file))


def discard(lake: Wiring, source: str, file: str) -> Discarded:
    """Let a file wait no more: nothing of it is taken, unless somebody accepts it later."""
    arrival = lake.inspection(source).discard(file)
    return Discarded(source, arrival.label, arrival.stored)


def _delivered(lake: Wiring, source: str, arrival: Arrival) -> Run:
    """What became of an arrival, once it is in the log; raises why nothing was taken of it."""
    catch_up(lake, source, Position(arrival.number + 1))
    run = lake.inspection(source).run(arrival, lake.log(source).past())
    if run.rows is None:
        raise SourceError(run.code or "LW-287", run.reason or "nothing was taken", hint="`lakewright quarantine` tells of it")
    return run


def _in(found: Mapping[tuple[str, int], Mapping[int, object]], row: Mapping[str, Any]) -> bool:
    return row["_line"] in found.get((row["_file"], row["_arrival"]), ())


def _records(answer: Answer) -> Iterator[dict[str, Any]]:
    """The rows of an answer, which the caller closes: an abandoned generator ends when and where memory is collected."""
    for batch in answer.batches():
        yield from batch.to_pylist()


def _sources(lake: Wiring) -> dict[str, FilesSettings]:
    return {name: each for name, each in lake.project.settings.sources.items() if isinstance(each, FilesSettings)}


def _quarantine_of(lake: Wiring, name: str) -> Mirror:
    """The table of rejected rows of a dataset, by the name of either table; raises `ConfigError` for another."""
    known = [mirror for mirror in survey.mirrors(lake) if mirror.source in _sources(lake)]
    chosen = next((mirror for mirror in known if name in (mirror.name, str(mirror.origin), mirror.origin.table)), None)
    if chosen is None:
        names = [mirror.name for mirror in known if mirror.origin.schema == DATASETS]
        hint = did_you_mean(name, names) or (f"datasets: {', '.join(names)}" if names else "`lakewright capture` loads the first")
        raise ConfigError("LW-278", f"{name} is no dataset of files, or nothing of it has arrived", hint=hint)
    wanted = TableName(QUARANTINE, chosen.origin.table)
    return next(mirror for mirror in known if (mirror.source, mirror.origin) == (chosen.source, wanted))


def _recorded(lake: Wiring, source: str, dataset: str) -> tuple[int | None, int | None]:
    log = lake.log(source)
    return lake.inspection(source).recorded(dataset, log.past(), log.view().watermark)


def _count(lake: Wiring, mirror: Mirror) -> int:
    with query.answer(lake, f"SELECT count(*) AS rows FROM {quote_identifier(mirror.name)}") as answer:
        return sum(row["rows"] for batch in answer.batches() for row in batch.to_pylist())
