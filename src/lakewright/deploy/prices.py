"""Dated prices of AWS: those that are shipped, and newer ones from AWS's own price lists.

`prices.json` holds for each price its unit, the amount in US dollars, where it was read and the date of that. AWS publishes a
list for each service and region, without credentials, as ``https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/SERVICE/
current/REGION/index.json``; ``offer`` and ``find`` of a price tell which list has it, and which attributes its product has there.
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api.html
"""

from __future__ import annotations

import dataclasses
import fnmatch
import importlib.resources
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lakewright.errors import DeployError


@dataclasses.dataclass(frozen=True)
class Price:
    """What one unit of something costs in a region, and where that was read."""

    name: str
    unit: str
    usd: float
    region: str
    source: str
    date: str | None
    """Of what the source says: a day or a month; None where it has none."""
    note: str | None = None
    offer: str | None = dataclasses.field(default=None, repr=False)
    find: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)


Prices = Mapping[str, Price]


def shipped() -> Prices:
    """The prices that come with Lakewright: on demand, in us-east-1, each with its own date."""
    text = importlib.resources.files("lakewright.deploy").joinpath("prices.json").read_text(encoding="utf-8")
    return _prices(json.loads(text))


def read(files: Sequence[Path]) -> Prices:
    """The shipped prices, replaced by what the files have: price lists of AWS, or files in the form of `prices.json`.

    Raises `DeployError` LW-710 for a file that is neither, or that has no price of ours.
    """
    prices = dict(shipped())
    for file in files:
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            found = _prices(document) if "prices" in document else dict(_of_offer(document, prices))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a price list of AWS, nor a file like prices.json"
            raise DeployError("LW-710", f"cannot read prices from {file}: {reason}", hint=_HINT) from error
        if not found:
            raise DeployError("LW-710", f"{file} has no price of a service that a lake uses", hint=_HINT)
        prices |= found
    return prices


_HINT = (
    "get https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AWSGlue/current/REGION/index.json, or that of another service"
)


def _prices(document: Mapping[str, Any]) -> dict[str, Price]:
    region = str(document["region"])
    return {
        name: Price(
            name=name,
            unit=str(entry["unit"]),
            usd=float(entry["usd"]),
            region=region,
            source=str(entry["source"]),
            date=entry["date"],
            note=entry.get("note"),
            offer=entry.get("offer"),
            find=entry.get("find", {}),
        )
        for name, entry in document["prices"].items()
    }


def _of_offer(offer: Mapping[str, Any], known: Prices) -> Iterator[tuple[str, Price]]:
    """The prices of ours that a list has. Where products fit that cost differently, none is taken."""
    code, day = str(offer["offerCode"]), str(offer["publicationDate"])[:10]
    for name, price in known.items():
        products = [product for product in offer["products"].values() if price.offer == code and _fits(product, price.find)]
        costs = {cost for product in products if (cost := _on_demand(offer, product["sku"])) is not None}
        regions = {str(product["attributes"]["regionCode"]) for product in products}
        if len(costs) == 1 and len(regions) == 1:
            (cost,), (region,) = costs, regions
            source = f"https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/{code}/current/{region}/index.json"
            yield name, dataclasses.replace(price, usd=cost, region=region, source=source, date=day, note=None)


def _fits(product: Mapping[str, Any], find: Mapping[str, str]) -> bool:
    """Whether a product has these attributes; ``*`` stands for any characters, such as the region in front of a usage type."""
    attributes = {**product["attributes"], "productFamily": product.get("productFamily", "")}
    return all(fnmatch.fnmatchcase(str(attributes.get(key, "")).lower(), value.lower()) for key, value in find.items())


def _on_demand(offer: Mapping[str, Any], sku: str) -> float | None:
    """What the first units of a product cost that are not free; None where all are, or it is not sold on demand."""
    terms = offer["terms"]["OnDemand"].get(sku, {}).values()
    steps = [step for term in terms for step in term["priceDimensions"].values()]
    costs = [(float(step.get("beginRange", 0)), float(step["pricePerUnit"]["USD"])) for step in steps]
    return next((cost for _, cost in sorted(costs) if cost), None)
