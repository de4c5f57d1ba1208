"""The bytes of an arrival as a file of this machine, which is what readers of files can read."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lakewright.errors import NotFound
from lakewright.model.contracts import Store
from lakewright.sources.files import aside
from lakewright.sources.files.arrivals import Arrival, damaged

CHUNK = 16 << 20
"""Bytes that are asked for at once."""


@contextlib.contextmanager
def nearby(store: Store, arrival: Arrival, scratch: Path) -> Iterator[Path]:
    """A path where the arrival's bytes are: the store's own, or that of a copy below `scratch`, which goes with the block.

    Raises `LogError` where they are missing, or, of a copy, not those that arrived.
    """
    path = Path(store.location(arrival.stored))
    if path.is_absolute():
        if not path.is_file():
            raise damaged(arrival, "missing")
        yield path
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="arrival-") as folder:
        copy = Path(folder) / path.name
        _fetch(store, arrival, copy)
        yield copy


def _fetch(store: Store, arrival: Arrival, path: Path) -> None:
    offset, digest = 0, hashlib.sha256()
    with path.open("wb") as file:
        while offset < arrival.size:
            aside.check()
            try:
                chunk = store.read_range(arrival.stored, offset, CHUNK)
            except NotFound:
                raise damaged(arrival, "missing") from None
            if not chunk:
                break
            digest.update(chunk)
            file.write(chunk)
            offset += len(chunk)
    if digest.hexdigest() != arrival.sha256:
        raise damaged(arrival, "damaged")
