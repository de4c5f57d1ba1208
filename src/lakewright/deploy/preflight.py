"""What AWS would fail late and can be known without asking it: names, limits, versions, tables that Athena or DMS cannot take."""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lakewright.deploy import dms
from lakewright.deploy.catalog import Catalog
from lakewright.deploy.schemas import Known
from lakewright.deploy.target import Target
from lakewright.errors import LakewrightError
from lakewright.model import types
from lakewright.model.finding import Finding
from lakewright.model.table import MOR
from lakewright.project.spec import FilesSettings, PostgresSettings

ACCOUNT_DIGITS = 12
MAX_BUCKET, MAX_ROLE, MAX_SCHEDULE, MAX_SOURCE, MAX_TABLE = 63, 64, 64, 30, 128
"""The longest names: of buckets, IAM roles, schedules of EventBridge, and what the modules dms and catalog take."""
_HYPHENED = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TABLE = re.compile(rf"[a-z][a-z0-9_]{{0,{MAX_TABLE - 1}}}")

_DMS_ENDS = {"3.5.": datetime.date(2026, 3, 15), "3.6.0": datetime.date(2026, 4, 27), "3.6.1": datetime.date(2026, 9, 15)}
"""From when on DMS makes no new instance of a version: https://docs.aws.amazon.com/dms/latest/userguide/CHAP_ReleaseNotes.html"""

_VARIABLE = re.compile(r'^variable "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)


def names(target: Target, found: Catalog) -> Iterator[Finding]:
    """Buckets, databases, tables, columns, roles, schedules, tasks."""
    name, zones = target.name, (*type(target.settings.zones).model_fields, "access")
    longest = max((f"{name}-{zone}-{'0' * ACCOUNT_DIGITS}-{region}" for zone in zones for region in target.regions), key=len)
    mend = "a shorter name of the lake or the environment"
    yield Finding("buckets", len(longest) <= MAX_BUCKET, f"{longest} has {len(longest)} of {MAX_BUCKET} characters", mend)
    for source, settings in target.project.settings.sources.items():
        if isinstance(settings, PostgresSettings):
            fits = _HYPHENED.fullmatch(source) is not None and len(source) <= MAX_SOURCE
            detail = f"{source}, a part of DMS's names: small letters, digits and hyphens, at most {MAX_SOURCE}"
            yield Finding(f"{source}: name", fits, source if fits else detail, "rename the source in lake.yaml")
            role = f"{name}-capture-{source}"
            if len(role) > MAX_ROLE:
                yield Finding(f"{source}: role", False, f"{role} has more than {MAX_ROLE} characters", "rename the source")
        elif isinstance(settings, FilesSettings) and not _HYPHENED.fullmatch(source.replace("_", "-")):
            yield Finding(f"{source}: name", False, "cannot be a part of DataSync's names", "rename the source in lake.yaml")
    yield from _table_names(target, found)


def _table_names(target: Target, found: Catalog) -> Iterator[Finding]:
    count = len(found.tables)
    faults = []
    for each in found.tables:
        table, columns = each.table.name, [column.lower() for column, _ in each.spec.columns]
        mend = f"name it otherwise in lake.yaml: tables: {{NAME: {{from: {each.table.origin}}}}}"
        mend = "name the snapshot otherwise in lake.yaml" if each.as_of else mend
        if not _TABLE.fullmatch(table):
            faults.append(
                Finding(f"table {table}", False, f"no name that Athena takes without quotes, at most {MAX_TABLE}", mend)
            )
        elif len(schedule := f"{target.name}-statistics-{table}") > MAX_SCHEDULE:
            detail = f"the schedule of its statistics, {schedule}, has more than {MAX_SCHEDULE} characters"
            faults.append(Finding(f"table {table}", False, detail, mend))
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            detail = f"columns that differ in capitals alone: {', '.join(twice)}"
            faults.append(Finding(f"table {table}", False, detail, "rename one: Glue does not tell capitals apart"))
    yield from faults or [Finding("tables", True, f"{count} with names that the catalog and Athena take")]
    for each in found.tables:
        if each.as_of:
            of = f"the rows as of {each.as_of:%Y-%m-%d %H:%M:%S} UTC, which Athena reads as those of any table"
            yield Finding(f"snapshot {each.table.name}", True, f"{of}; the job writes it once the log is past that time")
    for left in found.left_out:
        yield Finding(f"table {left.name}", True, f"left out: {left.reason}")


def rows(target: Target, known: Known, found: Catalog) -> Iterator[Finding]:
    """Tables whose rows AWS would give wrong or not at all."""
    faults = []
    for source in target.settings.databases:
        for table in known[source]:
            if not table.key:
                error = dms.keyless(table.name)
                faults.append(Finding.of(f"table {table.name}", error))
    for each in found.tables:
        times = [name for name, kind in each.spec.columns if kind == types.TIMESTAMP]
        if each.spec.type == MOR and times:
            detail = f"merge-on-read with timestamps ({', '.join(times)}), which Athena does not read right"
            faults.append(
                Finding(f"table {each.table.name}", False, detail, f"deploy: {{cow: [{each.table.name}]}} in lake.yaml")
            )
    yield from faults or [Finding("keys and types", True, "every table has a key, and a form that Athena reads")]


def versions(target: Target, today: datetime.date) -> Iterator[Finding]:
    """DMS's version, where one is named."""
    version = target.settings.dms.engine_version
    if version is None:
        yield Finding("DMS version", True, "the newest")
        return
    ends = next((day for start, day in _DMS_ENDS.items() if version.startswith(start)), None)
    over = ends is not None and ends <= today
    detail = f"{version}, of which DMS makes no new instance since {ends}" if over else version
    yield Finding("DMS version", not over, detail, "leave dms.engine_version out: the newest is taken")


def variables(target: Target, environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """What the root asks for and nobody gave; a secret comes from the environment alone and is never printed."""
    try:
        text = (target.folder / "variables.tf").read_text(encoding="utf-8")
    except OSError:
        yield Finding("root", False, f"there is no variables.tf in {target.folder}", "correct deploy.terraform in lake.yaml")
        return
    given = "\n".join(_read(path) for pattern in ("terraform.tfvars", "*.auto.tfvars") for path in target.folder.glob(pattern))
    for name, block in _VARIABLE.findall(text):
        if name == "lake" or re.search(r"^  default ", block, re.MULTILINE):
            continue
        secret = re.search(r"^  sensitive +=", block, re.MULTILINE) is not None
        value = environment.get(f"TF_VAR_{name}")
        stands = re.search(rf"^\s*{name}\s*=", given, re.MULTILINE) is not None
        mend = f"export TF_VAR_{name}='...' ({_shape(block)})" + ("" if secret else ", or write it to terraform.tfvars")
        if secret and stands:
            yield Finding(f"variable {name}", False, "a secret in a file", f"remove it there, and {mend}")
        elif value is None and not stands:
            yield Finding(f"variable {name}", False, "is not given", mend)
        elif value is not None and value.lstrip().startswith("{") and not _is_json(value):
            yield Finding(f"variable {name}", False, "is not JSON", mend)
        else:
            yield Finding(f"variable {name}", True, "in a file" if stands else "in the environment")


def _shape(block: str) -> str:
    """A variable's type, on one line."""
    match = re.search(r"^  type +=\s*(.*?)(?=^  \w)", block, re.MULTILINE | re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"(?<=[^({])\n\s+(?=\w+ +=)", ", ", match[1])).strip() if match else "any"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def safely(name: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings of a part; what keeps it from looking is one too."""
    try:
        yield from findings
    except LakewrightError as error:
        yield Finding.of(name, error)
