"""A test of the test: with one part of the delivery rule taken out, random histories find a difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from lakewright.errors import LakewrightError
from lakewright.formats.hudi import rollback, write
from lakewright.formats.hudi.write import HudiWrite
from lakewright.model.contracts import Flush
from lakewright.model.position import Position
from lakewright.model.table import Checkpoint, Commit
from lakewright.raw import fold
from lakewright.raw.log import RawLog
from lakewright.sources.postgres.source import PostgresSource
from lakewright.sources.postgres.stream import PostgresStream

from .test_delivery_rule import run

NOT_AS_COMMITTED = "LW-417"
"""The code of a table whose files are not those of its newest commit: what readers say of two commits that took no note of each
other. Other errors notice a sabotage too, but say nothing of the table."""
HISTORIES = 30


def without_the_checkpoint_check(patch: pytest.MonkeyPatch) -> None:
    """A commit lands whatever came before it, and nobody rolls it back."""
    commit = HudiWrite.commit

    def unchecked(pending: HudiWrite, checkpoint: Checkpoint) -> Commit:
        pending._seen = write._state(pending._folder.hoodie(), pending.instant)
        return commit(pending, checkpoint)

    patch.setattr(HudiWrite, "commit", unchecked)
    patch.setattr(rollback, "roll_back_others", lambda folder, instant: folder.hoodie())


def without_the_fill(patch: pytest.MonkeyPatch) -> None:
    """A column that the server did not send is null, not what the table has."""
    original = fold.fold_sql
    patch.setattr(fold, "fold_sql", lambda *arguments: original(*arguments).replace('f."fold table" THEN', "false THEN"))


def without_the_manifest(patch: pytest.MonkeyPatch) -> None:
    """The source forgets what no manifest names yet, and nobody looks whether it did."""
    flushes = PostgresStream.flushes

    def forgotten(stream: PostgresStream, until: Position | None = None) -> Iterator[Flush]:
        for flush in flushes(stream, until):
            if flush.watermark is not None:
                stream.acknowledge(flush.watermark)
            yield flush

    patch.setattr(PostgresStream, "flushes", forgotten)
    patch.setattr(PostgresSource, "_check", lambda *_: 0)
    patch.setattr(RawLog, "past", lambda _: None)


@pytest.mark.parametrize(
    ("sabotage", "verbs", "first"),
    [
        (without_the_checkpoint_check, ("capture", "merge", "zombie", "zombie", "zombie"), 10_007),
        (without_the_fill, ("capture", "merge"), 10_005),
        (without_the_manifest, ("capture", "unwritten", "merge"), 10_000),
    ],
)
def test_a_part_taken_out_is_found(
    sabotage: Callable[[pytest.MonkeyPatch], None],
    verbs: Sequence[str],
    first: int,
    tmp_path: Path,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sabotage(monkeypatch)
    for seed in range(first, first + HISTORIES):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            run(seed, folder, database, monkeypatch, verbs, dying=0.0)
        except AssertionError:
            return
        except LakewrightError as error:
            if error.code == NOT_AS_COMMITTED:
                return
    pytest.fail(f"{HISTORIES} histories found no difference")
