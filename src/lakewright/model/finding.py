"""Finding: what the doctor says of one thing."""

from __future__ import annotations

import dataclasses

from lakewright.errors import DOCTOR, LakewrightError


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `mend` is the command or SQL that mends it, None where it is `ok`."""

    name: str
    ok: bool
    detail: str
    mend: str | None = None

    def __post_init__(self) -> None:
        if self.ok:
            object.__setattr__(self, "mend", None)

    @classmethod
    def of(cls, name: str, error: LakewrightError) -> Finding:
        """An error as a finding; a hint to ask the doctor mends nothing here."""
        return cls(name, False, error.line(hinted=False), None if error.hint == DOCTOR else error.hint)
