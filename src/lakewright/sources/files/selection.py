"""Which files belong to which dataset: patterns, temporary names, marker files."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence

from lakewright.errors import SourceError
from lakewright.sources.files.origin import OriginFile

_TEMPORARY = (".tmp", ".part", ".filepart", "~")
_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@dataclasses.dataclass(frozen=True)
class Selection:
    """The files of a dataset: those that one of ``include`` matches and none of ``exclude``.

    A pattern is matched against the whole name below the origin; ``*`` and ``?`` stay in one folder, ``**`` goes through all.
    """

    dataset: str
    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Whether the file is of this dataset."""
        return any(_matches(pattern, name) for pattern in self.include) and not any(
            _matches(pattern, name) for pattern in self.exclude
        )


@dataclasses.dataclass(frozen=True)
class Assignment:
    """The files to look at, each with its dataset; names that are of no dataset; and what is wrong with others, by name."""

    taken: list[tuple[OriginFile, str]]
    unmatched: list[str]
    faults: dict[str, SourceError]


def assign(files: Sequence[OriginFile], selections: Sequence[Selection], marker: str | None) -> Assignment:
    """Divide the files of an origin by dataset; temporary names and marker files are of none, and are not unmatched either.
    What is not a regular file is never taken.

    With `marker` a file counts only when its marker is there, in the same folder: ``{name}.done`` holds for one file,
    ``_SUCCESS`` for all of the folder.
    """
    assignment = Assignment([], [], {})
    names = {file.name for file in files if file.is_regular}
    for file in files:
        if _is_temporary(file.name) or (marker is not None and _is_marker(marker, file.name)):
            continue
        datasets = [selection.dataset for selection in selections if selection.takes(file.name)]
        if len(datasets) > 1:
            assignment.faults[file.name] = _ambiguous(file.name, datasets)
        elif not datasets:
            assignment.unmatched.append(file.name)
        elif not file.is_regular:
            assignment.faults[file.name] = _not_regular(file.name)
        elif marker is None or _marker_of(marker, file.name) in names:
            assignment.taken.append((file, datasets[0]))
    return assignment


def _matches(pattern: str, name: str) -> bool:
    return _expression(pattern).fullmatch(name) is not None


@functools.cache
def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.compile("".join(_WILDCARDS.get(part) or re.escape(part) for part in parts), re.DOTALL)


def _is_temporary(name: str) -> bool:
    return name.lower().endswith(_TEMPORARY) or any(part.startswith(".") for part in name.split("/"))


def _is_marker(marker: str, name: str) -> bool:
    return _matches(marker.replace("{name}", "*"), name.rpartition("/")[2])


def _marker_of(marker: str, name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return folder + slash + marker.replace("{name}", last)


def _not_regular(name: str) -> SourceError:
    hint = "put a copy of the file in its place, or narrow `files` of the dataset in lake.yaml; no link is followed"
    message = f"{name!r} is a link, a pipe, a device or an object named like a folder, and not a file"
    return SourceError("LW-294", message, hint=hint)


def _ambiguous(name: str, datasets: list[str]) -> SourceError:
    hint = "narrow `files` of one of them in lake.yaml, or give it an `exclude`"
    return SourceError("LW-284", f"the file {name!r} matches more than one dataset: {', '.join(datasets)}", hint=hint)
