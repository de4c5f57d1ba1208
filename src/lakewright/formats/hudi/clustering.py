"""Clustering: small base files of one partition become one, with their rows and the rows' meta columns as they are."""

from __future__ import annotations

import concurrent.futures
import uuid
from collections.abc import Iterable, Sequence

from lakewright.formats.hudi.base_file import MAX_BYTES, BaseFileWriter
from lakewright.formats.hudi.base_reader import BaseFileReader
from lakewright.formats.hudi.file_names import BaseFile
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.metadata import WriteStat
from lakewright.formats.hudi.threads import THREADS
from lakewright.model.table import TableSpec


def plan(files: Iterable[BaseFile], below: int, fewest: int) -> list[list[BaseFile]]:
    """Which files become one: those with fewer than `below` bytes, of each partition that has at least `fewest` of them."""
    small: dict[str, list[BaseFile]] = {}
    for file in sorted(files, key=lambda file: (file.size, file.name)):
        if file.size < below:
            small.setdefault(file.partition, []).append(file)
    found = []
    for some in small.values():
        if len(some) >= fewest:
            found += _full(some)
    return [some for some in found if len(some) > 1]


def write(folder: Folder, instant: str, spec: TableSpec, wanted: Sequence[Sequence[BaseFile]]) -> list[WriteStat]:
    """Write the files of each part of a `plan` as a new file group, several at a time; return their stats."""
    group = uuid.uuid4()

    def one(ordinal: int) -> WriteStat:
        files = wanted[ordinal]
        with BaseFileWriter(folder, instant, spec, files[0].partition, f"{group}-{ordinal}", ordinal) as writer:
            for file in files:
                for batch in BaseFileReader(folder.store, file.name, file.size).batches(spec):
                    writer.write(batch)
        return writer.stat

    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(len(wanted))))


def _full(files: Iterable[BaseFile]) -> list[list[BaseFile]]:
    """Files in lists that each fit into one."""
    found: list[list[BaseFile]] = [[]]
    size = 0
    for file in files:
        if found[-1] and size + file.size > MAX_BYTES:
            found.append([])
            size = 0
        found[-1].append(file)
        size += file.size
    return found
