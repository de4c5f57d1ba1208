"""What an environment costs on AWS in a month: what it carries and what is deployed for it, times dated prices.

Nothing is left out in silence: a quantity that nobody declared and a price that nobody knows are lines without an amount, and
what no line is about stands in `NOT_COUNTED`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lakewright.deploy.prices import Price, Prices, read
from lakewright.deploy.quantities import quantities
from lakewright.deploy.target import targets
from lakewright.deploy.what_if import what_if
from lakewright.project.deployment import Environment
from lakewright.project.project import Project

NOT_COUNTED = (
    "taxes, support, discounts, free tiers",
    "storage classes that are cheaper, but for GLACIER_IR of raw",
    "the move of old files to an archive (S3 leaves files below 128 KB where they are)",
    "data transfer out of the region, but for copies in another, and between zones",
    "requests to KMS (bucket keys keep them few), to Secrets Manager and to the catalog (its first million is free)",
    "what passes interface endpoints",
    "Glue's column statistics and rule sets, as nobody knows yet how long they run",
    "EventBridge, SNS, the first trail of an account, access logs and what the trail stores",
    "the database, the share, the agent beside it, Direct Connect",
)
"""What an estimate leaves out."""


@dataclasses.dataclass(frozen=True)
class CostLine:
    """One line of an estimate: `quantity` times `price` is `usd`, to the cent; each null where it is not known."""

    service: str
    what: str
    quantity: float | None
    unit: str
    price: float | None
    usd: float | None
    before: float | None
    """Its amount without the changes of --what-if."""
    why: str
    """Where the quantity comes from."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What an environment costs in a month in US dollars, as far as that is known."""

    environment: str
    region: str
    usd: float
    """The sum of all amounts."""
    before: float | None
    """The same without the changes of --what-if; null without such."""
    budget: float | None
    """The environment's `monthly_usd`, of which its alarms are made."""
    unknown: list[str]
    """What has no amount, and what is missing."""
    by_service: dict[str, float | None]
    """The sum of each service's amounts; null where it has none."""
    lines: list[CostLine]
    prices: list[Price]
    """The prices of the lines."""

    @property
    def is_over(self) -> bool:
        """Whether it costs more than its budget."""
        return self.budget is not None and self.usd > self.budget

    def about_prices(self) -> str:
        """Where and of when the prices are, and whether that is the lake's region."""
        regions = sorted({price.region for price in self.prices})
        days = sorted(price.date for price in self.prices if price.date)
        elsewhere = "" if regions == [self.region] else f"; the lake is in {self.region}: give that region's with --prices"
        return f"prices of {', '.join(regions)}, of {days[0]} to {days[-1]}{elsewhere}; --json has the source of each"


def estimates(project: Project, names: Sequence[str], changes: Sequence[str], price_lists: Sequence[Path]) -> list[Estimate]:
    """What the environments of those names, or all, cost: with `changes` beside what they do without."""
    prices = read(price_lists)
    found = []
    for target in targets(project, names):
        former = target.settings if changes else None
        changed = targets(what_if(project, target.environment, changes), [target.environment])[0] if changes else target
        found.append(estimate(target.environment, target.deployment.region, changed.settings, prices, former))
    return found


def estimate(name: str, region: str, environment: Environment, prices: Prices, former: Environment | None = None) -> Estimate:
    """What an environment costs; with `former`, which is it without the changes of --what-if, beside what that one does."""
    lines = list(_lines(environment, prices))
    before = None
    if former is not None:
        was = {(line.service, line.what): line for line in _lines(former, prices)}
        before = _sum(was.values())
        lines = [_beside(line, was.pop((line.service, line.what), None)) for line in lines]
        lines += [dataclasses.replace(line, quantity=0, usd=0, before=line.usd, why="not any more") for line in was.values()]
    return Estimate(
        environment=name,
        region=region,
        usd=_sum(lines),
        before=before,
        budget=environment.monthly_usd,
        unknown=[f"{line.service}, {line.what}: {line.why}" for line in lines if line.usd is None],
        by_service=_by_service(lines),
        lines=lines,
        prices=list({name: prices[name] for quantity in quantities(environment) if (name := quantity.price) in prices}.values()),
    )


def _lines(environment: Environment, prices: Prices) -> Iterator[CostLine]:
    for quantity in quantities(environment):
        price = prices.get(quantity.price)
        yield CostLine(
            service=quantity.service,
            what=quantity.what,
            quantity=quantity.amount,
            unit=price.unit if price else "",
            price=price.usd if price else None,
            usd=round(quantity.amount * price.usd, 2) if price is not None and quantity.amount is not None else None,
            before=None,
            why=quantity.why if price else f"no price of {quantity.price} is known: --prices",
        )


def _beside(line: CostLine, was: CostLine | None) -> CostLine:
    """A line with what it cost before, which is nothing where it is new."""
    return dataclasses.replace(line, before=was.usd if was else 0)


def _by_service(lines: Sequence[CostLine]) -> dict[str, float | None]:
    groups: dict[str, list[CostLine]] = {}
    for line in lines:
        groups.setdefault(line.service, []).append(line)
    return {service: None if all(line.usd is None for line in group) else _sum(group) for service, group in groups.items()}


def _sum(lines: Iterable[CostLine]) -> float:
    return round(sum(line.usd for line in lines if line.usd is not None), 2)
