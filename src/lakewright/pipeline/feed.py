"""Feed: whether a source is the server that its log was captured from."""

from __future__ import annotations

from lakewright.errors import SourceError
from lakewright.model.position import Feed

_HINT = (
    "correct the source's url in lake.yaml, or the environment variable that gives it; where the server was meant to be"
    " replaced, `lakewright resync` loads all tables anew from the one that answers"
)


def moved(server: Feed, captured: Feed | None) -> SourceError | None:
    """What is to be told of a server that is not the one `captured`, whatever slot it is read from; None where it is, or where
    nothing was captured."""
    if captured is None or server.is_same_server(captured):
        return None
    message = "the server is another one than the log was captured from"
    which = f"its system identifier is {server.system}, that of the log {captured.system}"
    if server.system == captured.system:
        which = f"it was promoted or restored: its timeline is {server.timeline}, that of the log {captured.timeline}"
    return SourceError("LW-229", f"{message}: {which}", hint=_HINT)
