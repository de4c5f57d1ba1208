"""Feed: whether a source is the server that its log was captured from, and whether tables come from that log as it is."""

from __future__ import annotations

from lakewright.errors import FormatError, LogError, SourceError
from lakewright.model.position import Feed
from lakewright.model.table import newest_mark
from lakewright.pipeline import survey
from lakewright.pipeline.holdings import Holdings

_HINT = (
    "correct the source's url in lake.yaml, or the environment variable that gives it; where the server was meant to be"
    " replaced, `lakewright resync` loads all tables anew from the one that answers"
)


def moved(server: Feed, captured: Feed | None) -> SourceError | None:
    """What is to be told of a server that is not the one `captured`, whatever slot it is read from; None where it is, or where
    nothing was captured."""
    if captured is None or server.is_same_server(captured):
        return None
    if server.kind != captured.kind:
        of_dms = "the log was made of what DMS wrote to raw, whose positions are not the server's"
        hint = "let DMS go on and leave capture off; or stop it, and `lakewright resync` loads all tables by a capture of our own"
        return SourceError("LW-229", of_dms, hint=hint)
    message = "the server is another one than the log was captured from"
    which = f"its system identifier is {server.system}, that of the log {captured.system}"
    if server.system == captured.system:
        which = f"it was promoted or restored: its timeline is {server.timeline}, that of the log {captured.timeline}"
    return SourceError("LW-229", f"{message}: {which}", hint=_HINT)


def require_none_ahead(lake: Holdings, source: str) -> None:
    """Raise `LogError` LW-361 where a table of the source has more than its log: an older copy of that was put back.

    A database tells by its slot that changes are missing; a folder of files would go on, under positions that the table passed.
    To be asked by who holds the capture's lease. A table that cannot be read is left to its merge.
    """
    for mirror in survey.mirrors(lake):
        if mirror.source != source:
            continue
        try:
            table = lake.table(mirror)
            mark = newest_mark(table.history()) if table else None
        except FormatError:
            continue
        view = lake.log(source).view()
        if mark is not None and mark.feed == view.feed and mark.position > view.watermark:
            message = f"table {mirror.name} has the log of {source} up to {mark.position}, and that ends at {view.watermark}"
            path = lake.folders.record(mirror).path
            hint = f"put the newer raw zone back; or move {path} away, and the next merge makes it anew from the log"
            raise LogError("LW-361", message, hint=hint)
