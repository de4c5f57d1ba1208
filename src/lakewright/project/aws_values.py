"""The kinds of scalar that AWS takes: ranges of addresses, schedules, days, capacities. What it would refuse is refused here."""

from __future__ import annotations

import ipaddress
import itertools
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from lakewright.project.values import refuse

LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""The days for which CloudWatch keeps logs."""
UNITS = (1, 2, 4, 8, 16, 32, 64, 128, 192, 256, 384)
"""The capacities of a serverless replication."""
_CRON = re.compile(r"cron\([^ ()]+( [^ ()]+){5}\)")
_NAMES = {
    "month": ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    "day of the week": ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
}
_FIELDS = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day of the month": (1, 31),
    "month": (1, 12),
    "day of the week": (1, 7),
    "year": (1970, 2199),
}
"""The fields of a cron of AWS, each with its least and its greatest number.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""
_INSTANCE = re.compile(r"dms\.(t[23]\.(micro|small|medium|large)|[cr](4|5|6i|7i)\.(large|([2-9]|[1-4][0-9])?xlarge))")
"""https://docs.aws.amazon.com/dms/latest/userguide/CHAP_ReplicationInstance.Types.html"""
_RATE = re.compile(r"rate\((1 hour|1 day|([2-9]|[1-9][0-9]+) (hours|days))\)")
_MINUTES = re.compile(r"(?P<first>\*|[0-9]{1,2})(-(?P<last>[0-9]{1,2}))?(/(?P<step>[1-9][0-9]?))?")

Network = ipaddress.IPv4Network


def _range(value: Any) -> Any:
    if isinstance(value, Network):
        return value
    try:
        return ipaddress.IPv4Network(value)
    except ValueError:
        raise refuse("not a range of IPv4 addresses such as 10.40.0.0/20") from None


def _cron(value: Any) -> str:
    if not isinstance(value, str) or not _CRON.fullmatch(value):
        raise refuse("not a schedule of six fields in UTC such as cron(0 3 * * ? *)")
    fields = dict(zip(_FIELDS, value[len("cron(") : -1].split(), strict=True))
    for name, field in fields.items():
        if not all(_is_part(name, part) for part in field.split(",")):
            raise refuse(f"{field} is no {name} of a schedule (fields: {', '.join(_FIELDS)})")
    if "?" not in (fields["day of the month"], fields["day of the week"]):
        raise refuse("AWS takes a day of the month or one of the week, and ? for the other")
    return value


def _is_part(name: str, part: str) -> bool:
    """Whether a field may have this, or a list with it: ``*``, ``5``, ``8-18``, ``0/15``, ``MON``, ``L``, ``15W``, ``6#3``."""
    if name.startswith("day") and (part in ("?", "L") or re.fullmatch(r"[0-9]{1,2}W|LW|[1-7]L|[1-7]#[1-5]", part)):
        return True
    values, _, step = part.partition("/")
    least, greatest = _FIELDS[name]
    names = _NAMES.get(name, [])
    numbers = [names.index(each) + 1 if each in names else int(each) if each.isdecimal() else -1 for each in values.split("-")]
    within = values == "*" or (len(numbers) <= 2 and all(least <= number <= greatest for number in numbers))
    return within and ("/" not in part or (step.isdecimal() and int(step) > 0))


def _instance(value: Any) -> Any:
    if not isinstance(value, str) or not _INSTANCE.fullmatch(value):
        raise refuse("not a class of DMS, of the families t2, t3, c4, c5, c6i, c7i, r4, r5, r6i and r7i, such as dms.t3.medium")
    return value


def _merge_schedule(value: Any) -> str:
    if value == "arrival":
        return "arrival"
    schedule = _cron(value)
    if _least_minutes(schedule) < 5:
        raise refuse("more often than every five minutes, which Glue does not start a job")
    return schedule


def _file_schedule(value: Any) -> str:
    if isinstance(value, str) and _RATE.fullmatch(value):
        return value
    if (isinstance(value, str) and re.fullmatch(r"rate\([0-9]+ minutes?\)", value)) or _least_minutes(_cron(value)) < 60:
        raise refuse("more often than once an hour, which DataSync does not run a task")
    return str(value)


def _least_minutes(schedule: str) -> int:
    """The least number of minutes between two runs of a cron within an hour and the next; 60 for one run an hour or fewer."""
    minutes: set[int] = set()
    for part in schedule[len("cron(") :].split()[0].split(","):
        match = _MINUTES.fullmatch(part)
        if match is None:
            raise refuse("not a schedule of six fields in UTC such as cron(0 3 * * ? *)")
        first = 0 if match["first"] == "*" else int(match["first"])
        last = int(match["last"]) if match["last"] else first if part.isdigit() else 59
        minutes.update(range(first, last + 1, int(match["step"] or 1)))
    times = sorted(minutes)
    return min((after - before for before, after in itertools.pairwise([*times, times[0] + 60])), default=60)


def _log_days(value: Any) -> Any:
    if value not in LOG_DAYS:
        raise refuse(f"not a number of days that CloudWatch has ({', '.join(map(str, LOG_DAYS))})")
    return value


def _capacity(value: Any) -> Any:
    if value not in UNITS:
        raise refuse(f"not a capacity of DMS ({', '.join(map(str, UNITS))})")
    return value


_TEXT = WithJsonSchema({"type": "string"})
Range = Annotated[Network, PlainValidator(_range), PlainSerializer(str), _TEXT]
Days = Annotated[int, BeforeValidator(_log_days)]
Capacity = Annotated[int, BeforeValidator(_capacity)]
InstanceClass = Annotated[str, BeforeValidator(_instance), _TEXT]
Cron = Annotated[str, BeforeValidator(_cron), _TEXT]
MergeSchedule = Annotated[str, BeforeValidator(_merge_schedule), _TEXT]
FileSchedule = Annotated[str, BeforeValidator(_file_schedule), _TEXT]
Email = Annotated[str, Field(pattern=r"^[^@ ]+@[^@ ]+\.[^@ ]+$")]
Region = Annotated[str, Field(pattern="^[a-z]{2}(-[a-z]+)+-[0-9]$")]
EnvironmentName = Annotated[str, Field(pattern="^[a-z][a-z0-9]*$", max_length=12)]
