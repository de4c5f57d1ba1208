"""Which files are the table as of an instant, and which instants can still be read.

A file group's slice as of an instant is its newest completed base file at or before it, and the completed logs of that or of a
compaction that is still to come, unless a replacement ended the group. This comes from two listings alone, however long the
timeline is; commit files are read only for replacements, and heads of logs that other engines wrote.
"""

from __future__ import annotations

import bisect
import dataclasses
import operator
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from lakewright.errors import NotFound
from lakewright.formats.hudi import avro
from lakewright.formats.hudi.file_names import BaseFile, Log, log_named
from lakewright.formats.hudi.folder import Folder, Hoodie
from lakewright.formats.hudi.metadata import WRITER
from lakewright.formats.hudi.timeline import CLEAN, COMPACTION, COMPLETED, REPLACE, REQUESTED, Instant, Timeline

Group = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class View:
    """A table's files at one moment: the listings, the groups that were replaced and when.

    ``compacting`` are the groups that a pending compaction is to write, with its instant: logs go on under that.
    """

    hoodie: Hoodie
    files: tuple[BaseFile, ...]
    ended: dict[Group, str]
    logs: tuple[Log, ...] = ()
    compacting: dict[Group, str] = dataclasses.field(default_factory=dict)
    _asked: dict[str, Sequence[BaseFile]] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    def as_of(self, time: str | None = None) -> Sequence[BaseFile]:
        """The base files of the slices as of an instant (default: the newest), in name order."""
        until = self._until(time)
        found = self._asked.get(until)
        if found is None:
            found = self._slices(until)
            self._asked.clear()  # one read of a table asks for one instant several times
            self._asked[until] = found
        return found

    def _slices(self, until: str) -> Sequence[BaseFile]:
        newest: dict[Group, BaseFile] = {}
        for file in self.completed_files():
            if file.instant <= until:
                group = file.group
                known = newest.setdefault(group, file)
                if known.instant < file.instant:
                    newest[group] = file
        current = (file for group, file in newest.items() if not self.ended.get(group, "~") <= until)
        return tuple(sorted(current, key=operator.attrgetter("name")))

    def logs_as_of(self, time: str | None = None) -> dict[Group, list[Log]]:
        """The logs of the slices as of an instant (default: the newest) that have any, in the order in which they were written.

        A group of that order has no base file where an engine began it with a log.
        """
        if not self.logs:
            return {}
        until = self._until(time)
        bases = {file.group: file.instant for file in self.as_of(time)}
        found: dict[Group, list[Log]] = {}
        for log in self.completed_logs():
            is_now = log.instant <= until and log.base >= bases.get(log.group, "") and not self.ended.get(log.group, "~") <= until
            if is_now:
                found.setdefault(log.group, []).append(log)
        return {group: sorted(logs, key=Log.place) for group, logs in found.items()}

    def without(self, partitions: Collection[str]) -> View:
        """The same without the file groups of some partitions."""
        return dataclasses.replace(
            self,
            files=tuple(file for file in self.files if file.partition not in partitions),
            logs=tuple(log for log in self.logs if log.partition not in partitions),
        )

    def everything(self) -> list[BaseFile | Log]:
        """All files whose instant is known, completed or not."""
        return [*self.files, *(log for log in self.logs if log.instant)]

    def _until(self, time: str | None) -> str:
        writes = self.hoodie.timeline.writes
        return time or (writes[-1].time if writes else "")

    def writes(self, time: str | None = None) -> list[Instant]:
        """The completed writes as of an instant (default: all), oldest first."""
        return [instant for instant in self.hoodie.timeline.writes if time is None or instant.time <= time]

    def completed_files(self) -> Iterable[BaseFile]:
        """Base files whose instant completed, those of archived instants included."""
        is_completed = {time: self.hoodie.is_completed(time) for time in {file.instant for file in self.files}}
        return (file for file in self.files if is_completed[file.instant])

    def completed_logs(self) -> Iterable[Log]:
        """Logs whose instant completed and was not taken back, those of archived instants included."""
        undone = {(log.group, log.undoes) for log in self.logs if log.undoes}
        is_completed = {time: self.hoodie.is_completed(time) for time in {log.instant for log in self.logs}}
        return (
            log for log in self.logs if is_completed[log.instant] and not log.undoes and (log.group, log.instant) not in undone
        )


def load(folder: Folder) -> View:
    """List a table beside writers: the timeline first, then the files, and both again where a service came between."""
    while (view := of_listings(folder, folder.hoodie(), *folder.data())) is None:
        pass
    return view


def of_listings(folder: Folder, hoodie: Hoodie, files: list[BaseFile], logs: list[Log]) -> View | None:
    """The view of two listings, of which that of the files is the later one; None where files or commits went meanwhile."""
    ended: dict[Group, str] = {}
    for instant in hoodie.timeline.completed(REPLACE):
        for partition, groups in (folder.read_commit(instant).replaced or {}).items():
            ended |= dict.fromkeys(((partition, group) for group in groups), instant.time)
    if not _stays(hoodie, folder.hoodie(folder.public())):
        return None
    return View(hoodie, tuple(files), ended, tuple(logs), _compacting(folder, hoodie))


def _compacting(folder: Folder, hoodie: Hoodie) -> dict[Group, str]:
    return {
        group: instant.time
        for instant in hoodie.timeline.pending
        if instant.action == COMPACTION
        for group in compaction_plan(folder, instant.time).base_files
    }


class CompactionPlan(NamedTuple):
    """What a compaction is to do: the file groups, each with the name of its base file, None where it has none.

    The logs that it takes in are those of the slices, whatever the plan says of them: any that it left out would be lost.
    """

    base_files: dict[Group, str | None]
    is_ours: bool


def compaction_plan(folder: Folder, time: str) -> CompactionPlan:
    """The plan of a compaction; raises `FormatError` LW-404."""
    name = folder.instant_name(time, COMPACTION, REQUESTED)
    data = folder.store.read(name)
    if not data:
        return CompactionPlan({}, is_ours=False)
    plan = avro.decode(data, name)
    with avro.taken(name):
        base_files: dict[Group, str | None] = {}
        for operation in plan["operations"] or ():
            partition, file = operation["partitionPath"] or "", operation["dataFilePath"]
            base_files[partition, operation["fileId"]] = folder.data_name(partition, file) if file else None
        return CompactionPlan(base_files, WRITER in (plan["extraMetadata"] or {}))


def _stays(before: Hoodie, now: Hoodie) -> bool:
    """Whether nobody cleaned, archived or rolled back a commit between two listings of ``.hoodie``.

    A listing is not of one moment: that of a local disk may miss commits that went while it was made, and their archive.
    """
    seen, there = before.timeline, now.timeline
    is_same = (before.archive, seen.begins, _cleans(seen)) == (now.archive, there.begins, _cleans(there))
    return is_same and seen.write_times <= there.write_times


def _cleans(timeline: Timeline) -> set[str]:
    return {instant.time for instant in timeline.instants if instant.action == CLEAN}


def cleaned(folder: Folder, view: View) -> list[bool]:
    """For each completed write of the view's timeline, whether a clean took a file that its snapshot needs.

    A file was needed from its own instant until the next one of its group, or until its group was replaced. Where neither is
    known, as the replacement was archived, it was until the clean at most, which takes nothing that the newest snapshot needs. Of
    what is archived meanwhile nothing is kept that is older: so no write before such a clean can be read.
    """
    times = [instant.time for instant in view.hoodie.timeline.writes]
    files, logs, archived, taken = deleted(folder, view.hoodie)
    gone = {(file.group, file.instant) for file in files} | {(log.group, log.base) for log in logs}
    versions: dict[Group, list[str]] = {group: [] for group, _ in gone}
    left = {(file.group, file.instant) for file in view.completed_files() if file.group in versions} if gone else set()
    for group, instant in gone | left:
        versions[group].append(instant)
    # +1 where an interval of unreadable instants starts, -1 where it ends.
    steps = [0] * (len(times) + 1)
    for group, instant in gone:
        later = [other for other in versions[group] if other > instant]
        until = min([*later, view.ended.get(group, taken[group])])
        steps[bisect.bisect_left(times, instant)] += 1
        steps[bisect.bisect_left(times, until)] -= 1
    depth, unreadable = 0, []
    for time, step in zip(times, steps[:-1], strict=True):
        depth += step
        unreadable.append(depth > 0 or time < archived)
    return unreadable


class Deleted(NamedTuple):
    """What plans of cleans name, finished or not: files of which no more is known than their names say.

    ``archived`` is the newest clean that was archived meanwhile, ``taken`` the newest one that takes files of a group.
    """

    files: list[BaseFile]
    logs: list[Log]
    archived: str
    taken: dict[Group, str]


def deleted(folder: Folder, hoodie: Hoodie) -> Deleted:
    """What the cleans on the timeline take; raises `FormatError` LW-404."""
    files: list[BaseFile] = []
    logs: list[Log] = []
    taken: dict[Group, str] = {}
    archived = ""
    for instant in hoodie.timeline.instants:
        if instant.action == CLEAN:
            try:
                plan = clean_plan(folder, instant.time)
            except NotFound:
                archived = instant.time
                continue
            for partition, names in plan.items():
                for name in names:
                    file_id, _, rest = name.partition("_")
                    if log := log_named(name, partition, 0):
                        logs.append(log)
                        taken[log.group] = instant.time
                    else:
                        files.append(BaseFile("", partition, file_id, rest.rpartition("_")[2].partition(".")[0], 0))
                        taken[files[-1].group] = instant.time
    return Deleted(files, logs, archived, taken)


def clean_plan(folder: Folder, time: str) -> dict[str, list[str]]:
    """The bare file names that a clean is to delete, by partition path; raises `FormatError` LW-404."""
    name = folder.instant_name(time, CLEAN, REQUESTED)
    try:
        plan = avro.decode(folder.store.read(name), name)
    except NotFound:  # other engines may remove it once the clean is complete; its result names the same files
        name = folder.instant_name(time, CLEAN, COMPLETED)
        result = avro.decode(folder.store.read(name), name)
        with avro.taken(name):
            return {partition: list(found["deletePathPatterns"]) for partition, found in result["partitionMetadata"].items()}
    with avro.taken(name):
        paths = plan.get("filePathsToBeDeletedPerPartition") or {}
        return {partition: [info["filePath"].rpartition("/")[2] for info in infos] for partition, infos in paths.items()}
