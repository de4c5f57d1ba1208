"""Verify: the folders of each table read as a whole, and everything in them that is not as it should be."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from lakewright.errors import CheckFailed, LakewrightError
from lakewright.model.table import Flaw, Verification
from lakewright.pipeline import damage, survey
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.published import AGAIN
from lakewright.pipeline.steps import Notice, ignore
from lakewright.pipeline.wiring import Wiring

_MAINTAINED = "`lakewright maintain` removes it"


def run(lake: Wiring, name: str | None = None, notice: Notice = ignore) -> list[Verification]:
    """What the folder of a table or snapshot, or of each, is like; `notice` hears of each.

    One that cannot be opened, or named, hides no other.
    """
    snapshots = [lake.records.mirror(record) for record in lake.published() if name in (None, record.name)]
    mirrors, misfits = survey.of(lake) if name is None else ([] if snapshots else [survey.mirror(lake, name)], [])
    found = []
    for verified in itertools.chain((_verify(lake, each) for each in mirrors), (_of_snapshot(lake, each) for each in snapshots)):
        found.append(verified)
        notice(verified)
    for misfit in misfits:
        found.append(_failed(misfit.name or str(misfit.table or misfit.source), "", misfit.error))
        notice(found[-1])
    return found


def require_sound(found: Sequence[Verification]) -> None:
    """Raise `CheckFailed` LW-602 where a table has a fault."""
    faulty = [each.table for each in found if not each.is_sound]
    if faulty:
        message = f"{len(faulty)} of {len(found)} tables are not as they should be: {', '.join(faulty)}"
        raise CheckFailed("LW-602", message, hint="what `lakewright verify` says of each flaw mends it")


def _verify(lake: Wiring, mirror: Mirror) -> Verification:
    try:
        found = [damage.repeated(table.verify) for table in lake.folders.tables(mirror)]
        unnamed = map(lake.store.location, lake.folders.leftovers(mirror))
        left = [Flaw("leftover", location, "is left of a move", _MAINTAINED) for location in unnamed]
        if not found:
            return Verification(mirror.name, flaws=tuple(left))
        return dataclasses.replace(found[0], flaws=(*(flaw for each in found for flaw in each.flaws), *left))
    except LakewrightError as error:
        file, damaged, _ = error.message.partition(" is damaged")
        name = file if damaged and file.startswith(f"{mirror.path}/") else mirror.path
        return _failed(mirror.name, lake.store.location(name), error, f"{name} ")


def _of_snapshot(lake: Wiring, mirror: Mirror) -> Verification:
    """The same of a snapshot, which no load can make anew."""
    found = _verify(lake, mirror)
    if found.instant is None and found.is_sound:
        lost = Flaw("fault", lake.store.location(mirror.path), "has lost its commit", AGAIN)
        found = dataclasses.replace(found, flaws=(lost, *found.flaws))
    return dataclasses.replace(found, flaws=tuple(dataclasses.replace(flaw, mend=AGAIN) for flaw in found.flaws))


def _failed(table: str, path: str, error: LakewrightError, named: str = "") -> Verification:
    """What an error says of a table's folder; ``named`` is how its message begins where `path` says that."""
    mend = error.hint or f"`lakewright resync {table}` loads the table anew"
    return Verification(table, flaws=(Flaw("fault", path, error.line(hinted=False).removeprefix(named), mend),))
