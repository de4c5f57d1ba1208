"""A share: how much of a whole may be, as settings have it."""

from __future__ import annotations

import re

_SHARE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(%?)")


class Share(float):
    """How much of a whole: a count from 1 on, or below 1 a part of it."""

    @classmethod
    def parse(cls, text: str) -> Share:
        """``5`` or ``0.5%``; raises ValueError for anything else."""
        match = _SHARE.fullmatch(text.strip())
        number = float(match[1]) if match else -1.0
        if match is None or (match[2] and number >= 100) or (not match[2] and number != int(number)):
            raise ValueError("not a number of rows, nor a share such as 1%")
        return cls(number / 100 if match[2] else number)

    def __str__(self) -> str:
        return f"{int(self)}" if self >= 1 or not self else f"{self * 100:g}%"

    def exceeded(self, part: int, whole: int) -> bool:
        """Whether `part` of `whole` is more than that. A single one is more than no share, unless it is all or none may be."""
        return part > (self if self >= 1 else self * whole) and (not 0 < self < 1 or part != 1 or whole == 1)
