"""Signs of life of a pending instant, without which other engines take its writer for dead."""

from __future__ import annotations

import contextlib
import threading

from lakewright.errors import StorageError
from lakewright.model.contracts import Store

_BEAT_EVERY = 30.0
"""Seconds between signs of life of a pending instant, for cleaners of other engines."""


class Heartbeat:
    """Touches the instant's heartbeat file from a thread of its own, so that other engines see that the write lives."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"heartbeat {name}", daemon=True)

    def start(self) -> None:
        self._store.put(self._name, b"")
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _keep(self) -> None:
        while not self._stop.wait(_BEAT_EVERY):
            with contextlib.suppress(StorageError):
                self._store.put(self._name, b"")
