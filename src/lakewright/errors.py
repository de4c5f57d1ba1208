"""The errors that Lakewright expects, in one tree; a module may have a kind of its own below one of these.

    LakewrightError
      ConfigError          LW-1xx  lake.yaml, a command's arguments (LW-27x and LW-28x: those of `quarantine`)
      SourceError          LW-2xx  the database, or the folder of files
        SourceUnreachable          (retry soon)
        NeedsLoad                  a table that goes on after a load by itself
        NotLoaded                  a table that no load has brought yet
      StorageError         LW-3xx  files and objects
        AlreadyExists              a name that may be written once is taken
        Changed                    somebody else replaced it first
        NotFound
        StorageUnreachable         (retry soon)
      LogError             LW-35x  raw files and manifests
      LeaseError           LW-35x  who may write to a log or a table (retry soon)
        LeaseHeld                  another process holds the lease
        LeaseLost                  another process holds the lease now
      FormatError          LW-4xx  tables
        CommitConflict             (retry soon)
      QueryError           LW-5xx  SQL
      CheckFailed          LW-6xx  source and lake differ
      DeployError          LW-7xx  Terraform and AWS
      MissingDependency    LW-8xx  an extra is not installed

A message starts in lower case, names the offending value and why, and ends without a full stop. It never holds a secret or
a row's value. ``hint`` is the command that helps. ``code`` is stable: ``lakewright explain CODE`` prints its page, which
stands in ``errors.toml`` beside this file; a test keeps the two equal.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import TypeVar

DOCTOR = "`lakewright doctor` names what is missing"
"""The hint where the words of an error do not tell what helps."""
RESYNC = "`lakewright resync` loads the tables anew"
"""The hint where a source's log cannot go on."""


class Retry(enum.Enum):
    """Whether trying again can help: never, soon (by itself), or after somebody mended something."""

    NEVER = "never"
    SOON = "soon"
    AFTER_HUMAN = "after_human"


class LakewrightError(Exception):
    """Root of all known errors.

    ``code`` is a stable ``LW-nnn``; ``message`` one line; ``hint`` the command or step that helps; ``where`` a place such as
    ``lake.yaml:12``.
    """

    retry: Retry = Retry.AFTER_HUMAN

    def __init__(self, code: str, message: str, *, hint: str | None = None, where: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        return self.message

    def line(self, *, hinted: bool = True) -> str:
        """Message and code on one line, and the hint where there is one."""
        return f"{self.message} ({self.code})" + (f"; {self.hint}" if hinted and self.hint else "")


class ConfigError(LakewrightError):
    """lake.yaml or a command's arguments are wrong."""


class SourceError(LakewrightError):
    """The source, a database or a folder of files, cannot give what is asked of it."""


class SourceUnreachable(SourceError):
    """The source does not answer; it may soon."""

    retry = Retry.SOON


class NeedsLoad(SourceError):
    """A table goes on after a load of it, about which nobody has to decide."""


class NotLoaded(SourceError):
    """A table that the source has and the log does not have yet."""

    def __init__(self, table: object) -> None:
        hint = "`lakewright doctor` lists what keeps it from being loaded, and the log of `lakewright up` says why"
        super().__init__("LW-252", f"table {table} is not loaded", hint=hint)


class StorageError(LakewrightError):
    """Bytes could not be read or written."""


class AlreadyExists(StorageError):
    """The name is taken, and a name is written once."""

    retry = Retry.NEVER


class Changed(StorageError):
    """The object is not the one the caller last read."""

    retry = Retry.SOON


class NotFound(StorageError):
    """There is no object of this name."""

    retry = Retry.NEVER


class StorageUnreachable(StorageError):
    """The storage does not answer, or has no time; it may soon."""

    retry = Retry.SOON


class LogError(LakewrightError):
    """A raw file or a manifest is damaged, missing, or contradicts another."""


class LeaseError(LakewrightError):
    """A source's log or a table is not this process's to write to."""

    retry = Retry.SOON


class LeaseHeld(LeaseError):
    """Another process holds the lease; it may give it back."""


class LeaseLost(LeaseError):
    """Another process holds the lease now; whatever this one was writing does not count."""


class FormatError(LakewrightError):
    """A table on disk is not what it should be, or cannot take what is written to it."""


class CommitConflict(FormatError):
    """Another commit came first; read again and retry."""

    retry = Retry.SOON


class QueryError(LakewrightError):
    """A SQL statement is wrong or asks for what cannot be answered.

    ``where`` is ``line:column`` in the user's text, both from 1; ``excerpt`` is that line and carets under the wrong word.
    """

    def __init__(
        self, code: str, message: str, *, hint: str | None = None, where: str | None = None, excerpt: str | None = None
    ) -> None:
        super().__init__(code, message, hint=hint, where=where)
        self.excerpt = excerpt


class CheckFailed(LakewrightError):
    """Source and lake differ."""


class DeployError(LakewrightError):
    """What Terraform takes is not as lake.yaml has it, or Terraform or AWS refuse."""


class MissingDependency(LakewrightError):
    """A part that is not installed is needed; the hint is the pip line."""


E = TypeVar("E", bound=LakewrightError)


def together(errors: Sequence[E]) -> E:
    """The first of some errors, with the others in its notes: each on a line, with its place, and its hint if that is another."""
    for other in errors[1:]:
        place = f"{other.where}: " if other.where else ""
        errors[0].add_note(place + other.line(hinted=other.hint != errors[0].hint))
    return errors[0]


def hide_password(text: str) -> str:
    """The text with the password of any URL or connection string in it replaced by ``***``, and rather too much than too little:
    a password may hold what has a meaning in a URL, and then only the last @ is sure to be behind it."""
    text = re.sub(r"(?<=//)([^/@:\s]*):.*@", r"\1:***@", text, flags=re.DOTALL)
    value = r"'(?:[^'\\]|\\.)*'|.*?(?=\s+\w+\s*=|[&}]|$)"
    return re.sub(rf"\b((?:ssl)?password\s*=\s*)(?:{value})", r"\1***", text, flags=re.DOTALL | re.IGNORECASE)


def unexpected(error: Exception) -> LakewrightError:
    """What Lakewright did not expect, as an error of one line; a known error as it is."""
    if isinstance(error, LakewrightError):
        return error
    text = hide_password(" ".join(str(error).split()))[:200]
    found = LakewrightError("LW-901", f"unexpected {type(error).__name__}: {text}", hint="--debug prints the trace for a report")
    found.__cause__ = error
    return found
