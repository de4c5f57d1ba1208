"""Session: one call of `lakewright` - the folder, the lake, the way results are printed."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakewright.cli import console

if TYPE_CHECKING:
    from lakewright.pipeline.lake import Lake
    from lakewright.pipeline.steps import Notice
    from lakewright.project.project import Project


@dataclasses.dataclass
class Session:
    """One call of `lakewright`: what the shared options say, and what commands do with it."""

    folder: Path | None = None
    json: bool = False
    quiet: bool = False
    debug: bool = False
    log_format: str = "text"

    def root(self) -> Path:
        """The lake's folder: the one that -C names, else the nearest one at or above the current folder."""
        from lakewright.project.project import find

        return self.folder if self.folder is not None else find(Path.cwd())

    def project(self) -> Project:
        """The folder's settings."""
        from lakewright.project.project import open_project

        return open_project(self.root())

    @contextlib.contextmanager
    def lake(self) -> Iterator[Lake]:
        """The lake, closed at the end."""
        root = self.root()
        from lakewright.observe import log
        from lakewright.pipeline.lake import Lake

        form: log.Format = "json" if self.json or self.log_format == "json" else "text"
        log.configure(form, color=console.has_color(), quiet=self.quiet)
        with Lake.open(root) as lake:
            yield lake

    @property
    def is_silent(self) -> bool:
        """Whether to leave out all talk but errors."""
        return self.quiet or self.json

    def say(self, text: str) -> None:
        """A line of talk on stderr, unless told to be quiet."""
        if not self.is_silent:
            console.say(text)

    @contextlib.contextmanager
    def progress(self, title: str) -> Iterator[Notice]:
        """A function to call with each step that was done."""
        with console.progress(title, quiet=self.is_silent) as notice:
            yield notice

    def show(self, value: Any, as_text: Callable[[], None] | None = None) -> None:
        """A command's result on stdout; `as_text` shows it to people where that is not as `output.show` does."""
        from lakewright.cli import output

        if self.json:
            output.show_json(value)
        elif as_text is not None:
            as_text()
        else:
            output.show(value)

    def show_list(self, name: str, records: Sequence[Any], empty: str) -> None:
        """A list as a command's result: ``{"name": [...]}`` or a table, or the talk `empty` where there is nothing in it."""
        self.show({name: list(records)}, lambda: self.show_records(records, empty))

    def show_records(self, records: Sequence[Any], empty: str) -> None:
        """Records for people, as a table or, where there are none, as the talk `empty`."""
        from lakewright.cli import output

        if records:
            output.show_records(records)
        else:
            self.say(empty)
