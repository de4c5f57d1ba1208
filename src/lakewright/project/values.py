"""The kinds of scalar that settings are written in: durations, names, secrets, places of tables."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from lakewright.model import types
from lakewright.project.names import MAX_NAME, Origin, Partition, is_name
from lakewright.project.share import Share

MAX_SHORT_NAME = 24
"""Of a lake and a source: both stand in the default name of a replication slot, which has at most 63 characters."""

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_MOST = datetime.timedelta(days=36_500)
_SIZE = re.compile(r"([0-9]{1,6})(KB|MB|GB)")
_SIZES = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
S3_SCHEME = "s3://"
_S3_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^/\s\\]+)*")
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?")


class Secret:
    """A text that is never printed; `reveal` gives it to whoever needs it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself: for the driver, never for a message."""
        return self._value

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class Deleted(NamedTuple):
    """Which rows are deletes: those that have `value` in `column`."""

    column: str
    value: str

    def __str__(self) -> str:
        return f"{self.column} = {self.value}"


def parse_duration(text: str) -> datetime.timedelta:
    """``250ms 30s 5m 1h 7d`` as a time span; raises ValueError for anything else and for zero."""
    match = _DURATION.fullmatch(text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= _MOST.total_seconds():
        raise ValueError(f"not a duration such as 250ms, 30s, 5m, 1h or 7d (at most {_MOST.days}d)")
    return datetime.timedelta(seconds=seconds)


def format_duration(span: datetime.timedelta) -> str:
    """The shortest text that `parse_duration` reads back."""
    milliseconds = round(span.total_seconds() * 1000)
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(milliseconds, int(_UNITS[unit] * 1000))
        if not rest:
            return f"{count}{unit}"
    return f"{milliseconds}ms"


def refuse(message: str) -> PydanticCustomError:
    """The fault of a value, without the value: whoever prints it quotes the text as written."""
    return PydanticCustomError("setting", message)


def _duration(value: Any) -> Any:
    if isinstance(value, datetime.timedelta):
        return value
    try:
        return parse_duration(str(value))
    except ValueError as error:
        raise refuse(str(error)) from None


def _secret(value: Any) -> Any:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not value:
        raise refuse("not a text")
    return Secret(value)


def _origin(value: Any) -> Any:
    try:
        return value if isinstance(value, Origin) else Origin.parse(str(value))
    except ValueError:
        raise refuse("not source.schema.table") from None


def _partition(value: Any) -> Any:
    try:
        found = [Partition.parse(each) for each in (value if isinstance(value, list | tuple) else [value])]
    except (TypeError, ValueError):
        raise refuse("not a column, nor day(column), nor a list of such") from None
    if not found or len(set(found)) < len(found):
        raise refuse("has an entry twice" if found else "an empty list")
    return tuple(found)


def _decimal(value: Any) -> str:
    text = str(value).replace(" ", "")
    if types.decimal_parts(text) is None or not types.is_lake_type(text):
        raise refuse("not decimal(precision,scale) with a precision of 1 to 38 and a scale up to it")
    return text


def _share(value: Any) -> Any:
    try:
        return Share.parse(str(value))
    except ValueError as error:
        raise refuse(str(error)) from None


def _size(value: Any) -> int:
    match = _SIZE.fullmatch(str(value).strip())
    if match is None or not int(match[1]):
        raise refuse("not a size such as 500KB, 20MB or 1GB")
    return int(match[1]) * _SIZES[match[2]]


def _deleted(value: Any) -> Any:
    if isinstance(value, Deleted):
        return value
    column, _, text = (part.strip() for part in str(value).partition("="))
    if not column or not text:
        raise refuse("not column = value")
    return Deleted(column, text)


def _patterns(value: Any) -> Any:
    patterns = (value,) if isinstance(value, str) else value
    if not isinstance(patterns, list | tuple) or not all(isinstance(each, str) and each for each in patterns):
        raise refuse("not a pattern of file names, nor a list of such")
    for each in patterns:
        if each.startswith("/") or ".." in each.split("/"):
            raise refuse("leads out of the source's path")
    return tuple(patterns)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not is_name(value):
        raise refuse(f"not a name: small letters, digits and _, no digit first, at most {MAX_NAME} characters")
    return value


def _moment(value: Any) -> Any:
    try:
        moment = value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(str(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise refuse("not a time such as 2026-11-01T00:00:00Z (UTC unless it says otherwise)") from None


def _short_name(value: Any) -> str:
    name = _name(value)
    if len(name) > MAX_SHORT_NAME:
        raise refuse(f"longer than {MAX_SHORT_NAME} characters")
    return name


def _pattern(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[^.]+\..+", value):
        raise refuse("not schema.table (* stands for any characters, ? for one)")
    return value


def _folder(value: Any) -> str:
    text = value.removesuffix("/") if isinstance(value, str) else ""
    if any(part.startswith(".") or not part or "\\" in part for part in text.split("/")):
        raise refuse("not a folder inside the lake's folder, such as raw or data/raw")
    return text


def _place(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith(S3_SCHEME):
        return _folder(value)
    url = value.removesuffix("/")
    if not _S3_URL.fullmatch(url) or any(part in (".", "..") for part in url.split("/")):
        raise refuse("not s3://bucket or s3://bucket/prefix")
    return url


def _path(value: Any) -> str:
    if isinstance(value, str) and value.startswith(S3_SCHEME):
        return _place(value)
    if not isinstance(value, str) or not value:
        raise refuse("not a folder, nor s3://bucket/prefix")
    return value


def _endpoint(value: Any) -> str:
    if not isinstance(value, str) or not _ENDPOINT.fullmatch(value):
        raise refuse("not http://host:port or https://host:port")
    return value


def _schema(pattern: str | None = None, length: int | None = None) -> WithJsonSchema:
    """What editors check a text against."""
    found = {"pattern": pattern, "maxLength": length}
    return WithJsonSchema({"type": "string", **{key: value for key, value in found.items() if value is not None}})


Duration = Annotated[
    datetime.timedelta, PlainValidator(_duration), PlainSerializer(format_duration), _schema("^[0-9]+(ms|s|m|h|d)$")
]
Moment = Annotated[
    datetime.datetime,
    PlainValidator(_moment),
    PlainSerializer(lambda moment: moment.isoformat().replace("+00:00", "Z")),
    _schema(r"^\d{4}-\d{2}-\d{2}"),
]
SecretText = Annotated[Secret, PlainValidator(_secret), PlainSerializer(str), _schema()]
OriginText = Annotated[Origin, PlainValidator(_origin), PlainSerializer(str), _schema(r"^[^.]+\.[^.]+\..+$")]
Partitions = Annotated[
    tuple[Partition, ...],
    PlainValidator(_partition),
    PlainSerializer(lambda found: [str(each) for each in found]),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
DecimalText = Annotated[str, BeforeValidator(_decimal), _schema(r"^decimal\([0-9]+, ?[0-9]+\)$")]
Name = Annotated[str, BeforeValidator(_name), _schema("^[a-z_][a-z0-9_]*$", MAX_NAME)]
ShortName = Annotated[str, BeforeValidator(_short_name), _schema("^[a-z_][a-z0-9_]*$", MAX_SHORT_NAME)]
TablePattern = Annotated[str, BeforeValidator(_pattern), _schema(r"^[^.]+\..+$")]
ShareText = Annotated[Share, PlainValidator(_share), PlainSerializer(str), _schema()]
SizeText = Annotated[int, PlainValidator(_size), WithJsonSchema({"type": "string", "pattern": "^[0-9]+(KB|MB|GB)$"})]
DeletedText = Annotated[Deleted, PlainValidator(_deleted), PlainSerializer(str), _schema("^[^=]+=.+$")]
Patterns = Annotated[
    tuple[str, ...],
    PlainValidator(_patterns),
    PlainSerializer(list),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
Folder = Annotated[str, BeforeValidator(_folder), _schema()]
Place = Annotated[str, BeforeValidator(_place), _schema()]
PathText = Annotated[str, BeforeValidator(_path), _schema()]
Endpoint = Annotated[str, BeforeValidator(_endpoint), _schema("^https?://[^/@]+/?$")]
