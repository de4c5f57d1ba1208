"""The changes of a replication slot, handed over in flushes at transaction ends."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from psycopg2 import sql
from psycopg2.extras import ReplicationCursor

from lakewright.model.contracts import Flush, Past
from lakewright.model.names import TableName
from lakewright.model.position import Position
from lakewright.model.schema import TableSchema
from lakewright.sources.postgres.copy_both import CopyBoth, Keepalive
from lakewright.sources.postgres.pgoutput import BEGIN, COMMIT, Decoder, Resolve

FLUSH_SECONDS = 0.25
MAX_BYTES = 64 << 20
MAX_MESSAGES = 200_000
STATUS_SECONDS = 10.0


class PostgresStream:
    """`Stream` over a replication connection, whose cursor is given and stays the caller's to close. For one thread.

    A flush comes after a quarter of a second, at the next end of a transaction; sooner when the position that is waited for is
    reached, and when 64 MiB or 200,000 messages have come. A transaction beyond that size is handed over in pieces, of which all
    but the last have no watermark. Memory is bounded by that size and the server's largest message.

    The server learns only what `acknowledge` was called with. It waits for that when it shuts down.
    """

    def __init__(
        self,
        cursor: ReplicationCursor,
        slot: str,
        publications: Sequence[str],
        after: Position,
        schemas: Sequence[TableSchema],
        resolve: Resolve,
        starts: Mapping[TableName, Position],
        past: Past | None = None,
    ) -> None:
        """Starts replication; `after`, `schemas`, `starts` and `past` are as in `Source.open_stream`, `resolve` as in `Decoder`.

        `publications` must be the same for the slot's whole life, or ordinals change.

        Raises psycopg2's errors where the server refuses: `psycopg2.errors.ObjectInUse` while the slot has another reader.
        """
        names = ",".join('"' + name.replace('"', '""') + '"' for name in publications)
        template = sql.SQL("START_REPLICATION SLOT {} LOGICAL 0/0 (proto_version '1', publication_names {})")
        command = template.format(sql.Identifier(slot), sql.Literal(names)).as_string(cursor)
        cursor.start_replication_expert(command)  # type: ignore[no-untyped-call]
        self._link = CopyBoth(cursor.connection)
        self._decoder = Decoder(schemas, after, resolve, starts, past)
        self._after = after
        self._messages: list[bytes] = []
        self._size = 0
        self._whole = 0
        self._open = False
        self._asked = False
        self._complete = after.lsn
        self._acknowledged = 0
        self._send_status()

    def flushes(self, until: Position | None = None) -> Iterator[Flush]:
        """See `Stream`."""
        while True:
            self._collect(until)
            decoded = self._decoder.decode(self._take())
            self._complete = max(self._complete, decoded.committed or 0)
            watermark = None if self._decoder.in_transaction else Position(self._complete)
            if self._complete > self._after.lsn:
                self._decoder.check_past()
            urgent, self._asked = self._asked, False
            yield Flush(decoded.batches, decoded.stopped, watermark, decoded.time, urgent)

    def acknowledge(self, position: Position) -> None:
        """See `Stream`; a position before an earlier one changes nothing."""
        self._acknowledged = max(self._acknowledged, position.lsn)
        self._send_status()

    def _collect(self, until: Position | None) -> None:
        """Read messages until it is time for a flush."""
        receive, deadline = self._link.receive, time.monotonic() + FLUSH_SECONDS
        if time.monotonic() >= self._status_due or not self._messages:
            # An idle server tells how far it has come only when asked.
            self._send_status(ask=not self._messages)
        while True:
            message = receive()
            if message is None:
                self._link.wait(deadline - time.monotonic())
                if time.monotonic() >= deadline:
                    return
            elif isinstance(message, Keepalive):
                self._heed(message)
                if until is not None and not self._open and message.lsn >= until.lsn:
                    return
            else:
                self._messages.append(message)
                self._size += len(message)
                kind = message[0]
                if kind == COMMIT:
                    self._open, self._whole = False, len(self._messages)
                    if time.monotonic() >= deadline:
                        return
                elif kind == BEGIN:
                    self._open = True
                if self._is_full():
                    return

    def _take(self) -> list[bytes]:
        """The whole transactions that were read; if there is none, what there is of one that is larger than a flush."""
        count = self._whole or (len(self._messages) if self._is_full() else 0)
        taken, self._messages = self._messages[:count], self._messages[count:]
        self._size, self._whole = sum(map(len, self._messages)), 0
        return taken

    def _is_full(self) -> bool:
        return self._size >= MAX_BYTES or len(self._messages) >= MAX_MESSAGES

    def _heed(self, keepalive: Keepalive) -> None:
        """Outside a transaction a keepalive says that all before its LSN has come; the next flush takes all that has."""
        if not self._open:
            self._complete = max(self._complete, keepalive.lsn)
        if keepalive.reply:
            self._asked = True
            self._send_status()

    def _send_status(self, *, ask: bool = False) -> None:
        self._link.send_status(self._acknowledged, ask=ask)
        self._status_due = time.monotonic() + STATUS_SECONDS
