"""``hoodie.properties``: what a table is, in a Java properties file."""

from __future__ import annotations

import datetime
import re
import zlib

from lakewright.errors import FormatError
from lakewright.formats.hudi import schema
from lakewright.formats.hudi.partitions import PathStyle
from lakewright.model.table import COW, MOR, POSITION_COLUMN, TableSpec

Properties = dict[str, str]

NAME = "hoodie.properties"
BACKUP = "hoodie.properties.backup"
_TABLE, _DATABASE, _CHECKSUM = "hoodie.table.name", "hoodie.database.name", "hoodie.table.checksum"
_KEY, _PARTITION, _SCHEMA = "hoodie.table.recordkey.fields", "hoodie.table.partition.fields", "hoodie.table.create.schema"
_GENERATOR, _TYPE, _PRECOMBINE = "hoodie.table.keygenerator.class", "hoodie.table.type", "hoodie.table.precombine.field"
_HIVE_STYLE, _ENCODED = "hoodie.datasource.write.hive_style_partitioning", "hoodie.datasource.write.partitionpath.urlencode"
_SETTINGS = "lakewright.settings"
"""What type, key and partition were when we made the table, as a checksum: rows lie where these settings say."""
TIMEZONE = "hoodie.table.timeline.timezone"
IN_UTC = (
    "if its writers ran in UTC, write hoodie.table.timeline.timezone=UTC into its hoodie.properties and remove"
    " .hoodie.properties.crc; else use the engine that wrote it"
)
"""What helps with a table whose instants are in local time."""
METADATA_PARTITIONS = ("hoodie.table.metadata.partitions", "hoodie.table.metadata.partitions.inflight")

_UPGRADED = (
    "Spark's SQL makes it one of version 6: CALL downgrade_table(table => '...', to_version => 'SIX'), or upgrade_table;"
    " writers of Hudi 1.x need hoodie.write.table.version=6 and hoodie.write.auto.upgrade=false"
)
_HINTS = {"hoodie.table.version": _UPGRADED, "hoodie.timeline.layout.version": _UPGRADED, TIMEZONE: IN_UTC}
# property -> (the only value we can work with, what its absence means)
_FIXED: dict[str, tuple[str, str | None]] = {
    "hoodie.table.version": ("6", None),
    "hoodie.timeline.layout.version": ("1", None),
    TIMEZONE: ("UTC", "UTC"),  # as for tables of ours, which lose it when Spark's SQL registers them
    "hoodie.table.base.file.format": ("PARQUET", "PARQUET"),
    "hoodie.populate.meta.fields": ("true", "true"),
    "hoodie.datasource.write.drop.partition.columns": ("false", "false"),
}
_TYPES = {"COPY_ON_WRITE": COW, "MERGE_ON_READ": MOR}
# Within logs the greater position wins, and a log over its base file: so the newest change does, for every engine alike.
_MERGED_BY = {
    "hoodie.compaction.payload.class": "org.apache.hudi.common.model.OverwriteWithLatestAvroPayload",
    "hoodie.compaction.record.merger.strategy": "eeb8d96f-b1e4-49fd-bbf8-28ac514178e5",
}
_ESCAPED = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_NOT_PLAIN = re.compile(r"[^\x00-\x7e]+")
_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def of_spec(spec: TableSpec) -> Properties:
    """The properties of a new table."""
    properties = {name: value for name, (value, _) in _FIXED.items()}
    properties |= {
        _TABLE: spec.name,
        _KEY: ",".join(spec.key),
        _GENERATOR: _generator(spec.key, spec.partition),
        _HIVE_STYLE: "true",
        _ENCODED: "false",
        _SCHEMA: schema.avro_schema(spec.name, spec.columns),
        _CHECKSUM: _checksum({_TABLE: spec.name}),
        "hoodie.archivelog.folder": "archived",
    }
    if spec.partition:
        properties[_PARTITION] = ",".join(spec.partition)
    if POSITION_COLUMN in dict(spec.columns):
        properties[_PRECOMBINE] = POSITION_COLUMN
    properties[_TYPE] = next(name for name, kind in _TYPES.items() if kind == spec.type)
    # First, so that a file that was cut misses it or what it stands for.
    return {_SETTINGS: _settings(properties)} | properties | (_MERGED_BY if spec.type == MOR else {})


def to_spec(properties: Properties, avro: str | None) -> TableSpec:
    """The table that properties describe, with the columns of the schema `avro` (None: those it was created with)."""
    columns = schema.columns_of_avro(avro or properties[_SCHEMA])
    key, partition = _names(properties, _KEY), _names(properties, _PARTITION)
    return TableSpec(properties[_TABLE], columns, key, partition, type_of(properties))


def ordering(properties: Properties, spec: TableSpec) -> str | None:
    """The column by which the newest of a key's rows in logs is known; None where it is the last one."""
    name = properties.get(_PRECOMBINE)
    return name if name in dict(spec.columns) else None


def type_of(properties: Properties) -> str:
    """`COW` or `MOR`; raises KeyError for another type."""
    return _TYPES[properties.get(_TYPE, "COPY_ON_WRITE")]


def path_style(properties: Properties) -> PathStyle:
    """How the table writes partition paths; what the properties leave out is Hudi's default."""
    return PathStyle(*(properties.get(name, "false").lower() == "true" for name in (_HIVE_STYLE, _ENCODED)))


def check(properties: Properties, where: str) -> None:
    """Raise `FormatError` unless the table is of the one kind that we read and write.

    LW-403: the file is damaged. LW-402: another table version, layout, type or setting.
    """
    for name in (_TABLE, _KEY):
        if not properties.get(name):
            raise FormatError("LW-403", f"{where} lacks {name}", hint="restore the file from a backup")
    for name, (value, absent) in _FIXED.items():
        _require(properties.get(name, absent), value, name, where)
    if properties.get(_TYPE, "COPY_ON_WRITE") not in _TYPES:
        _require(properties[_TYPE], " or ".join(_TYPES), _TYPE, where)
    for name, value in _MERGED_BY.items() if type_of(properties) == MOR else ():
        _require(properties.get(name, value), value, name, where)
    if properties.get(_CHECKSUM, _checksum(properties)) != _checksum(properties):
        raise FormatError("LW-403", f"{where} has a wrong checksum", hint="restore the file from a backup")
    if properties.get(_SETTINGS, _settings(properties)) != _settings(properties):
        message = f"{where} has another type, key or partition, or other partition paths, than the table was made with"
        raise FormatError("LW-403", message, hint="restore the file from a backup; a table keeps its type, key and partition")
    generator = _generator(_names(properties, _KEY), _names(properties, _PARTITION))
    _require(properties.get(_GENERATOR, generator), generator, _GENERATOR, where)


def writer_settings(properties: Properties) -> Properties:
    """What Hudi's Spark writer is told of the table, so that it writes keys and paths as the table has them."""
    generator, partition = _generator(_names(properties, _KEY), _names(properties, _PARTITION)), _names(properties, _PARTITION)
    typed = generator.endswith("CustomKeyGenerator")
    return {
        _TABLE: properties[_TABLE],
        "hoodie.datasource.write.table.type": properties.get(_TYPE, "COPY_ON_WRITE"),
        "hoodie.datasource.write.recordkey.field": properties[_KEY],
        "hoodie.datasource.write.partitionpath.field": ",".join(f"{name}:SIMPLE" if typed else name for name in partition),
        "hoodie.datasource.write.keygenerator.class": generator,
        "hoodie.datasource.write.precombine.field": properties.get(_PRECOMBINE, POSITION_COLUMN),
        _HIVE_STYLE: properties.get(_HIVE_STYLE, "false"),
        _ENCODED: properties.get(_ENCODED, "false"),
    }


def is_local(properties: Properties) -> bool:
    """Whether Hudi takes the instants for local time, as it does where the properties do not say otherwise."""
    return TIMEZONE not in properties


def _require(found: str | None, value: str, name: str, where: str) -> None:
    if found != value:
        message = f"{where} says {name}={found}, and only {value} can be read and written here"
        raise FormatError("LW-402", message, hint=_HINTS.get(name, "use the engine that wrote it"))


def _names(properties: Properties, name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in properties.get(name, "").split(",") if part.strip())


def _generator(key: tuple[str, ...], partition: tuple[str, ...]) -> str:
    """Hudi's class that makes the keys; Complex makes different ones of one key column, version by version."""
    kind = "Nonpartitioned" if not partition else "Complex" if len(key) > 1 else "Simple" if len(partition) == 1 else "Custom"
    return f"org.apache.hudi.keygen.{kind}KeyGenerator"


def _settings(properties: Properties) -> str:
    said = (type_of(properties), _names(properties, _KEY), _names(properties, _PARTITION), path_style(properties))
    return f"{zlib.crc32(repr(said).encode()):08x}"


def _checksum(properties: Properties) -> str:
    """CRC32 of ``<database>.<table>``, as Hudi's ``HoodieTableConfig`` computes it."""
    return str(zlib.crc32(f"{properties.get(_DATABASE, '')}.{properties[_TABLE]}".encode()))


def render(properties: Properties, now: datetime.datetime) -> bytes:
    """The file's bytes, as ``java.util.Properties`` reads them."""
    head = f"#Properties saved on {now:%Y-%m-%dT%H:%M:%S.%fZ}\n#{now:%a %b %d %H:%M:%S} UTC {now:%Y}\n"
    return (head + "".join(f"{_escape(name)}={_escape(value)}\n" for name, value in properties.items())).encode("ascii")


def parse(data: bytes, where: str) -> Properties:
    """The properties of a file that `render` or Java wrote; raises `FormatError` LW-403 for anything else."""
    properties: Properties = {}
    for line in data.decode("latin-1").splitlines():
        text = line.lstrip()
        if not text or text[0] in "#!":
            continue
        name, separator, value = text.partition("=")
        if not separator:
            raise FormatError("LW-403", f"{where} is not a properties file", hint="restore the file from a backup")
        properties[_unescape(name.rstrip())] = _unescape(value.lstrip())
    return properties


def _escape(text: str) -> str:
    escaped = re.sub(r"([\\:=#!])", r"\\\1", text).replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return _NOT_PLAIN.sub(_units, escaped)


def _units(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[i] << 8 | units[i + 1]:04X}" for i in range(0, len(units), 2))


def _unescape(text: str) -> str:
    plain = _ESCAPED.sub(lambda m: chr(int(m[1][1:], 16)) if len(m[1]) > 1 else _CONTROL.get(m[1], m[1]), text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
