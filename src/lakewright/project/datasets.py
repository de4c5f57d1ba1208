"""datasets/<name>.yaml: how the files of a dataset are read. Inferred from the first file, then kept, and people's to correct."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, Field

from lakewright.errors import ConfigError
from lakewright.model import types
from lakewright.project.check import check
from lakewright.project.document import read, shown
from lakewright.project.group import Problem, Settings
from lakewright.project.values import Name, refuse
from lakewright.sources.files.dataset import Dataset, Dialect, Encoding, FileColumn, is_reserved

FOLDER = "datasets"

_HEAD = """\
# How the files of {name} are read, as inferred from {origin}. Correct it where it is wrong: files that arrive later are read
# so. `lakewright resync {name}` reads the earlier ones anew.
"""


def _lake_type(text: str) -> str:
    if not types.is_lake_type(text):
        raise refuse("not a type of the lake, such as string, int, bigint, double, decimal(12,2), boolean, date or timestamp")
    return text


class DialectSettings(Settings):
    """How the bytes of the files are to be understood."""

    format: Literal["csv", "json", "parquet"] = "csv"
    """``csv``, ``json`` (one object a line) or ``parquet``."""
    compression: Literal["none", "gzip", "zstd", "zip"] = "none"
    """How the files are compressed."""
    encoding: Encoding = "utf-8"
    """How characters are written."""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """What stands between two values."""
    quote: str = Field(default='"', max_length=1)
    """What stands around a value that holds a delimiter or a line end."""
    escape: str = Field(default='"', max_length=1)
    """What stands before a quote inside a quoted value."""
    comment: str | None = Field(default=None, min_length=1, max_length=1)
    """What a line begins with that is none of the data."""
    header: bool = True
    """Whether the first line names the columns."""
    skip: int = Field(default=0, ge=0)
    """How many lines come before that."""
    nulls: tuple[str, ...] = ("",)
    """The texts that stand for NULL."""
    decimal: str = Field(default=".", min_length=1, max_length=1)
    """The decimal separator."""
    thousands: str | None = Field(default=None, min_length=1, max_length=1)
    """The separator of thousands."""


class ColumnSettings(Settings):
    """A column of the files."""

    name: Name
    """Its name in the lake."""
    source_name: str
    """Its name in the files' header."""
    type: Annotated[str, AfterValidator(_lake_type)]
    """Its type in the lake."""
    nullable: bool = True
    """Whether the first file had rows without a value in it."""
    format: str | None = None
    """How its dates or times are written, as strptime has it; ISO 8601 unless said otherwise."""
    nulls: tuple[str, ...] = ()
    """Texts that stand for NULL in it besides the dialect's."""
    note: str | None = None
    """What was found in it that may deserve a look."""


class DatasetSettings(Settings):
    """How the files of a dataset are read."""

    name: Name
    """The dataset's name."""
    rows: int = Field(default=0, ge=0)
    """How many rows the first file had."""
    keys: tuple[tuple[Name, ...], ...] = ()
    """Columns that together told its rows apart."""
    dialect: DialectSettings = DialectSettings()
    """How the bytes of the files are to be understood."""
    columns: list[ColumnSettings] = Field(min_length=1)
    """The columns."""

    def problems(self) -> Iterator[Problem]:
        """Columns whose name is taken."""
        names, hint = [column.name for column in self.columns], "name it otherwise; `source_name` is its name in the files"
        for number, name in enumerate(names):
            if is_reserved(name):
                yield Problem(("columns", number, "name"), f"{name} is a name of the lake's own", hint)
            elif name in names[:number]:
                yield Problem(("columns", number, "name"), f"two columns have the name {name}", hint)

    def dataset(self) -> Dataset:
        """The settings as the reader takes them."""
        columns = tuple(FileColumn(**column.model_dump()) for column in self.columns)
        return Dataset(self.name, Dialect(**self.dialect.model_dump()), columns, self.keys, self.rows)


class DatasetFiles:
    """The definitions of a project folder; fulfils `sources.files.arrival_reader.Definitions`. Read anew when a file changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._read: dict[str, tuple[int, Dataset]] = {}

    def get(self, name: str) -> Dataset | None:
        """See `Definitions`; raises `ConfigError` with file:line."""
        path = self._folder / f"{name}.yaml"
        try:
            changed = path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        known = self._read.get(name)
        if known is None or known[0] != changed:
            known = self._read[name] = changed, check(read(path), DatasetSettings).dataset()
        return known[1]

    def keep(self, dataset: Dataset, origin: str) -> None:
        """See `Definitions`; the file is there whole or not at all, also after the machine stopped. One that is there stays."""
        path = self._folder / f"{dataset.name}.yaml"
        text = _HEAD.format(name=dataset.name, origin=origin.replace("\n", " "))
        text += yaml.safe_dump(dataset.to_json(), sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
        draft = self._folder / f".{dataset.name}.{uuid.uuid4().hex}"
        try:
            self._folder.mkdir(exist_ok=True)
            try:
                with draft.open("x", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):
                    os.link(draft, path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(
                "LW-114", f"cannot write {shown(path)}: {error.strerror}", hint="make the folder writable"
            ) from error
