"""The streaming replication protocol's messages on a psycopg2 connection, below its own `read_message`.

psycopg2 reads them too, but swallows keepalives, and moves the flush LSN that it reports forward to a keepalive's by itself:
by LSNs alone, which do not rise from one transaction's changes to the next one's, so that changes nobody has written yet
could be confirmed. Here only `send_status` says anything to the server. What psycopg2 has loaded of libpq is called directly,
as its documentation of ``connection.pgconn_ptr`` proposes.

Layout: PostgreSQL documentation, "Streaming Replication Protocol".
"""

from __future__ import annotations

import ctypes
import select
import struct
import time
from typing import Any, NamedTuple

import psycopg2
from psycopg2 import _psycopg

from lakewright.errors import DOCTOR, SourceError, SourceUnreachable

_POSTGRES_EPOCH_SECONDS = 946_684_800
_XLOG_DATA, _KEEPALIVE = b"w", b"k"
_XLOG_DATA_HEADER, _KEEPALIVE_SIZE = 25, 18
_SQLSTATE, _PRIMARY = ord("C"), ord("M")

# PyDLL: none of these calls waits, so the interpreter's lock is kept. A handle finds the symbols of what it depends on.
_libpq = ctypes.PyDLL(_psycopg.__file__)
_pointer, _text = ctypes.c_void_p, ctypes.c_char_p


def _function(name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(_libpq, name)
    function.restype, function.argtypes = result, arguments
    return function


_get_copy_data = _function("PQgetCopyData", ctypes.c_int, _pointer, _pointer, ctypes.c_int)
_put_copy_data = _function("PQputCopyData", ctypes.c_int, _pointer, _text, ctypes.c_int)
_flush = _function("PQflush", ctypes.c_int, _pointer)
_consume_input = _function("PQconsumeInput", ctypes.c_int, _pointer)
_free = _function("PQfreemem", None, _pointer)
_error_message = _function("PQerrorMessage", _text, _pointer)
_get_result = _function("PQgetResult", _pointer, _pointer)
_error_field = _function("PQresultErrorField", _text, _pointer, ctypes.c_int)
_clear = _function("PQclear", None, _pointer)


class Keepalive(NamedTuple):
    """The server has sent everything up to `lsn` that there was to send; it may ask for a status at once."""

    lsn: int
    reply: bool


class CopyBoth:
    """A connection on which START_REPLICATION has been executed. For one thread; not to be used together with the cursor's
    ``read_message`` or ``send_feedback``.

    Every method raises `SourceUnreachable` where the connection is lost, and `SourceError` where the server ended the stream
    for a reason that trying again does not mend.
    """

    def __init__(self, connection: psycopg2.extensions.connection) -> None:
        self._connection = connection  # Kept alive: the pointer is into it.
        self._pgconn = connection.pgconn_ptr
        self._buffer: Any = ctypes.POINTER(ctypes.c_char)()
        self._buffer_reference = ctypes.byref(self._buffer)
        self._poll = select.poll()
        self._poll.register(connection.fileno(), select.POLLIN)

    def receive(self) -> bytes | Keepalive | None:
        """The next message of the output plugin, or a keepalive; None where none has come yet."""
        size = _get_copy_data(self._pgconn, self._buffer_reference, 1)
        if size > 0:
            data = self._buffer
            if data[0] == _XLOG_DATA:
                message: bytes | Keepalive = data[_XLOG_DATA_HEADER:size]
            elif data[0] == _KEEPALIVE and size == _KEEPALIVE_SIZE:
                lsn, _, reply = struct.unpack_from(">QQB", data[:size], 1)
                message = Keepalive(lsn, bool(reply))
            else:
                raise SourceError("LW-240", "the replication stream is malformed: a message is neither data nor keepalive")
            _free(data)
            return message
        if size < 0:
            raise self._failure()
        return None

    def wait(self, seconds: float) -> None:
        """Wait until more has come, at most so long."""
        if self._poll.poll(max(0, seconds * 1000)) and not _consume_input(self._pgconn):
            raise self._failure()

    def send_status(self, lsn: int, *, ask: bool = False) -> None:
        """Tell the server that everything up to `lsn` is durable here; 0 says nothing but that we live.

        With `ask` it answers at once with a keepalive, which says how far it has come.
        """
        now = int((time.time() - _POSTGRES_EPOCH_SECONDS) * 1_000_000)
        status = struct.pack(">cQQQqB", b"r", lsn, lsn, lsn, now, ask)
        if _put_copy_data(self._pgconn, status, len(status)) != 1 or _flush(self._pgconn):
            raise self._failure()

    def _failure(self) -> SourceError:
        """Why the stream ended: the server's own error, if it sent one."""
        result = _get_result(self._pgconn)
        state = (_error_field(result, _SQLSTATE) or b"").decode()
        message = _error_field(result, _PRIMARY) or _error_message(self._pgconn) or b"the server ended the stream"
        _clear(result)
        text = message.decode(errors="replace").strip().partition("\n")[0] or "the server closed the connection"
        # 08: connection, 57: operator intervention such as a shutdown.
        if state == "" or state[:2] in ("08", "57"):
            return SourceUnreachable("LW-244", f"the replication connection was lost: {text}", hint=DOCTOR)
        return SourceError("LW-245", f"the server ended the replication stream: {text}", hint=DOCTOR)
