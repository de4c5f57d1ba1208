"""One measured figure."""

from __future__ import annotations

import dataclasses

LESS_IS_BETTER = frozenset({"s", "bytes"})
"""Units of which less is better; of every other unit more is."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """What was measured, in `unit`, and the same of the peer (or the limit) in the same run."""

    name: str
    value: float
    unit: str
    peer: str
    peer_value: float

    @property
    def ratio(self) -> float:
        """How good the value is against the peer's: always more is better, 1 is equal."""
        if self.unit in LESS_IS_BETTER:
            return self.peer_value / self.value
        return self.value / self.peer_value

    def to_json(self) -> dict[str, str | float]:
        """The object that is printed, rounded to what is meant."""
        rounded = {key: float(f"{number:.4g}") for key, number in (("value", self.value), ("peer_value", self.peer_value))}
        return {**dataclasses.asdict(self), **rounded, "ratio": float(f"{self.ratio:.3g}")}
