"""One pass of merges over the tables of a lake, by the engine that is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from lakewright.errors import LakewrightError, together
from lakewright.pipeline import publish, survey, zones
from lakewright.pipeline.hold import WAIT
from lakewright.pipeline.holdings import Holdings
from lakewright.pipeline.merge import Apply, merge
from lakewright.pipeline.merge_spark import SparkMerge
from lakewright.pipeline.published import Record
from lakewright.pipeline.steps import Merged, Notice, ignore
from lakewright.project import kinds
from lakewright.project.resolved import ResolvedLake


def merge_all(
    lake: Holdings,
    names: Sequence[str] | None = None,
    notice: Notice = ignore,
    *,
    wait: float = WAIT,
    apply: Apply | None = None,
    failed: Sequence[LakewrightError] = (),
) -> list[Merged]:
    """Merge the tables (all of them by default) up to the log's end, then write those of their snapshots that wait for nothing.

    What one raises comes when the others are done, after what had `failed` before.
    """
    done = []
    failures = [*failed]
    failures += [misfit.error for misfit in survey.of(lake).misfits] if names is None else []
    for mirror in survey.mirrors(lake, names):
        try:
            merged = merge(lake, mirror, wait=wait, apply=apply)
            if merged and merged.commit is None and (table := lake.table(mirror)):
                table.snapshot()  # a table that is up to date and lacks a file is not well
        except LakewrightError as error:
            failures.append(error)
            continue
        if merged:
            notice(merged)
            done.append(merged)
    fill = apply.fill if isinstance(apply, SparkMerge) else None
    for name in _snapshots(lake, names):
        try:
            found = publish.standing(lake, name, survey.of(lake).mirrors)
            if isinstance(found, Record):
                publish.require_whole(lake, found)
                continue
            written = publish.publish(lake, found, wait=wait, fill=fill)
        except LakewrightError as error:
            failures.append(error)
            continue
        if written:
            notice(written)
            done.append(written)
    if failures:
        raise together(failures)
    return done


def _snapshots(lake: Holdings, names: Sequence[str] | None) -> list[str]:
    """The snapshots of the tables that are named, or all that lake.yaml names."""
    tables = {mirror.name for mirror in survey.mirrors(lake, names)}
    return [name for name, settings in lake.resolved.snapshots.items() if names is None or settings.table in tables]


@contextlib.contextmanager
def spark(lake: ResolvedLake, master: str | None = None) -> Iterator[Apply]:
    """Merges by Spark, whose session lives as long as the block; `master` is Spark's own default where it is None.

    It finds the zones of `lake` on S3 with what that says of S3.

    Raises `MissingDependency` where Spark, Java or Hudi is not there.
    """
    with contextlib.closing(kinds.load_kind(kinds.ENGINES, "spark")(master, zones.hadoop(lake))) as engine:
        yield SparkMerge(engine)
