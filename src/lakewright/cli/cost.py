"""The command for what the lake costs on AWS: cost."""

from __future__ import annotations

import dataclasses
import decimal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lakewright.cli import output
from lakewright.cli.command import Command, pass_session, returns
from lakewright.cli.session import Session

if TYPE_CHECKING:
    from lakewright.deploy.cost import CostLine, Estimate


@dataclasses.dataclass(frozen=True)
class _Row:
    """A line as people read it; `before` only with --what-if."""

    service: str
    what: str
    quantity: decimal.Decimal | int | None
    unit: str
    price: decimal.Decimal | None
    usd: decimal.Decimal | None
    before: decimal.Decimal | None
    quantity_from: str

    @classmethod
    def of(cls, line: CostLine) -> _Row:
        """A line, its amounts to the cent."""
        price = None if line.price is None else decimal.Decimal(repr(line.price))
        many = line.quantity is not None and line.quantity >= 1000
        quantity = round(line.quantity or 0) if many else _rounded(line.quantity, 1)
        return cls(line.service, line.what, quantity, line.unit, price, _rounded(line.usd, 2), _rounded(line.before, 2), line.why)


def _rounded(value: float | None, places: int) -> decimal.Decimal | None:
    return None if value is None else decimal.Decimal(f"{value:.{places}f}")


@click.command(cls=Command)
@click.argument("environments", metavar="[ENV]...", nargs=-1)
@click.option("--what-if", "changes", multiple=True, metavar="SETTING=VALUE", help="Had ENV another setting; may be repeated.")
@click.option(
    "--prices", multiple=True, type=click.Path(path_type=Path), help="Newer prices: a price list of AWS; may be repeated."
)
@pass_session
@returns("estimates=lakewright.deploy.cost:Estimate")
def cost(session: Session, environments: tuple[str, ...], changes: tuple[str, ...], prices: tuple[Path, ...]) -> None:
    """What each ENV (default: all) costs on AWS in a month; exit code 3 where that is above its budget.

    Each line is a quantity times a price. Quantities come from the settings of the environment, its `volumes` among them, and a
    SETTING is one of them, as dms.multi_az or volumes.merge_minutes. Prices have dates, which --json prints; a PATH is a
    price list that AWS publishes, or has the form of prices.json. What is not known has no amount, and is told.
    """
    from lakewright.deploy.cost import estimates

    found = estimates(session.project(), environments, changes, prices)
    session.show({"estimates": found}, lambda: _told(session, found))
    if any(estimate.is_over for estimate in found):
        raise click.exceptions.Exit(3)


def _told(session: Session, found: Sequence[Estimate]) -> None:
    """A table for each environment, its sums, and what is not in them."""
    from lakewright.deploy.cost import NOT_COUNTED

    for estimate in found:
        click.echo(f"{estimate.environment} in {estimate.region}, USD a month of 730 hours:")
        output.show_records([_Row.of(line) for line in estimate.lines])
        sums = {service: "not known" if usd is None else f"{usd:,.2f}" for service, usd in estimate.by_service.items()}
        click.echo(", ".join(f"{service} {text}" for service, text in sums.items()))
        click.echo(_total(estimate) + "\n")
    for estimate in found:
        if estimate.unknown:
            session.say(f"{estimate.environment}, not known: {'; '.join(estimate.unknown)}")
    for text in dict.fromkeys(estimate.about_prices() for estimate in found):
        session.say(text)
    session.say(f"not counted: {'; '.join(NOT_COUNTED)}")


def _total(estimate: Estimate) -> str:
    before = "" if estimate.before is None else f" ({estimate.usd - estimate.before:+,.2f} to {estimate.before:,.2f} before)"
    text = f"total {estimate.usd:,.2f}{before}{' and what is not known' if estimate.unknown else ''}"
    if estimate.budget is None:
        return f"{text}; no budget: monthly_usd is not set"
    return f"{text}; {'ABOVE' if estimate.is_over else 'within'} the budget of {estimate.budget:,}"


COMMANDS: list[click.Command] = [cost]
