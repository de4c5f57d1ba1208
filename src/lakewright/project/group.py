"""What every group of settings is, and what a fault is that only shows beside other settings."""

from __future__ import annotations

import dataclasses

from pydantic import BaseModel, ConfigDict

from lakewright.project.document import KeyPath


class Settings(BaseModel):
    """A group of settings; what is not named is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


@dataclasses.dataclass(frozen=True)
class Problem:
    """A fault of a setting that only shows beside the others: which setting, what is wrong, what helps."""

    path: KeyPath
    message: str
    hint: str | None = None
