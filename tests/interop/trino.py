"""Real Trino as a reader of our tables, asked over HTTP, with Glue as its catalog, to which tests tell the tables they made."""

from __future__ import annotations

import base64
import contextlib
import datetime
import decimal
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa

from lakewright.formats.hudi.partitions import HIVE, PathStyle
from lakewright.model.table import TableSpec
from tests.formats.hudi_world import META, Row

REGION = "us-east-1"
SCHEMA = "lake"
INPUT = "org.apache.hudi.hadoop.HoodieParquetInputFormat"
REALTIME_INPUT = "org.apache.hudi.hadoop.realtime.HoodieParquetRealtimeInputFormat"
_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
_START_SECONDS = 120
_ETC = {
    "config.properties": """
coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port={port}
discovery.uri=http://127.0.0.1:{port}
catalog.config-dir={etc}/catalog
""",
    "node.properties": """
node.environment=interop
node.id=one
node.data-dir={etc}/data
node.internal-address=127.0.0.1
""",
    "jvm.config": """
-server
-Xmx1G
-XX:+UseG1GC
-XX:TieredStopAtLevel=1
-XX:+ExitOnOutOfMemoryError
-Djdk.attach.allowAttachSelf=true
""",
    "catalog/hudi.properties": """
connector.name=hudi
hive.metastore=glue
hive.metastore.glue.region={region}
hive.metastore.glue.endpoint-url={glue}
hive.metastore.glue.aws-access-key=testing
hive.metastore.glue.aws-secret-key=testing
fs.hadoop.enabled=true
""",
}
_VALUES: dict[str, Callable[[Any], Any]] = {
    "date": datetime.date.fromisoformat,
    "decimal": decimal.Decimal,
    "double": float,
    "real": float,
    "timestamp": lambda text: datetime.datetime.fromisoformat(f"{text[:26]}+00:00"),
    "varbinary": base64.b64decode,
}


class TrinoError(Exception):
    """What Trino says in the place of an answer."""


class Trino:
    """A server from `home` on the Java at `java`, whose settings and log lie in `scratch`, over the Glue at the URL `glue`."""

    def __init__(self, home: Path, java: Path, scratch: Path, glue: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"
        for name, text in _ETC.items():
            path = scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.strip().format(port=port, etc=scratch, glue=glue, region=REGION) + "\n")
        self._glue = boto3.client("glue", REGION, endpoint_url=glue, aws_access_key_id="testing", aws_secret_access_key="testing")
        self._glue.create_database(DatabaseInput={"Name": SCHEMA})
        path = os.pathsep.join((str(java / "bin"), os.environ["PATH"]))
        command = [home / "bin/launcher", "--etc-dir", scratch, "run"]
        with (scratch / "trino.log").open("wb") as log:
            self._server = subprocess.Popen(
                command, env={**os.environ, "JAVA_HOME": str(java), "PATH": path}, stdout=log, stderr=subprocess.STDOUT
            )
        self._wait(scratch / "trino.log")

    def _wait(self, log: Path) -> None:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self._server.poll() is None:
            with contextlib.suppress(OSError):
                if not self._ask("/v1/info")["starting"]:
                    return
            time.sleep(0.2)
        self.close()
        raise RuntimeError(f"Trino did not start: {log.read_text()[-4000:]}")

    def close(self) -> None:
        """Stop the server."""
        self._server.terminate()
        self._server.wait()

    def register(
        self, location: Path | str, spec: TableSpec, name: str, style: PathStyle = HIVE, input_format: str = INPUT
    ) -> None:
        """Tell Glue of a table as it is now, in the place of what it knew of one with that name."""
        with contextlib.suppress(self._glue.exceptions.EntityNotFoundException):
            self._glue.delete_table(DatabaseName=SCHEMA, Name=name)
        kinds = dict(spec.columns)
        columns = [(column, "string") for column in META] + [each for each in spec.columns if each[0] not in spec.partition]
        storage = {
            "Columns": [{"Name": column, "Type": kind} for column, kind in columns],
            "InputFormat": input_format,
            "OutputFormat": _OUTPUT,
            "SerdeInfo": {"SerializationLibrary": _SERDE},
        }
        self._glue.create_table(
            DatabaseName=SCHEMA,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "PartitionKeys": [{"Name": column, "Type": kinds[column]} for column in spec.partition],
                "StorageDescriptor": storage | {"Location": f"file://{location}"},
            },
        )
        if spec.partition:
            folders = [path.parent for path in Path(location).rglob(".hoodie_partition_metadata")]
            partitions = [
                {
                    "Values": [
                        "__HIVE_DEFAULT_PARTITION__" if value is None else value
                        for value in style.values(str(folder.relative_to(location)), spec.partition)
                    ],
                    "StorageDescriptor": storage | {"Location": f"file://{folder}"},
                }
                for folder in folders
            ]
            made = self._glue.batch_create_partition(DatabaseName=SCHEMA, TableName=name, PartitionInputList=partitions)
            assert not made.get("Errors")

    def read(self, spec: TableSpec, name: str, condition: str = "true") -> list[Row]:
        """The rows of a registered table, with the types of Arrow that its spec says."""
        columns, rows = self.query(f"SELECT * FROM {name} WHERE {condition}")
        kinds = pa.schema([*((column, pa.string()) for column in META), *spec.arrow()])
        return pa.Table.from_pylist(
            [dict(zip(columns, row, strict=True)) for row in rows], pa.schema([kinds.field(column) for column in columns])
        ).to_pylist()

    def query(self, text: str) -> tuple[list[str], list[list[Any]]]:
        """The columns and rows of any statement's answer; raises `TrinoError`."""
        columns, rows = self._answer(text)
        makers = [_VALUES.get(column["type"].partition("(")[0], lambda value: value) for column in columns]
        found = [[None if v is None else make(v) for make, v in zip(makers, row, strict=True)] for row in rows]
        return [column["name"] for column in columns], found

    def _answer(self, text: str) -> tuple[list[Any], list[list[Any]]]:
        """What the server says once it has a node for the statement's catalog: at first it has none."""
        end = time.monotonic() + _START_SECONDS
        while True:
            try:
                return self._told(text)
            except TrinoError as error:
                if not str(error).startswith("NO_NODES_AVAILABLE") or time.monotonic() > end:
                    raise
            time.sleep(0.5)

    def _told(self, text: str) -> tuple[list[Any], list[list[Any]]]:
        answer = self._ask("/v1/statement", text)
        columns: list[Any] = []
        rows: list[list[Any]] = []
        while True:
            if "error" in answer:
                raise TrinoError(f"{answer['error']['errorName']}: {answer['error']['message']}")
            columns = answer.get("columns", columns)
            rows += answer.get("data", [])
            if "nextUri" not in answer:
                return columns, rows
            answer = self._ask(answer["nextUri"].removeprefix(self._url))

    def _ask(self, path: str, statement: str | None = None) -> Any:
        headers = {
            "X-Trino-User": "interop",
            "X-Trino-Catalog": "hudi",
            "X-Trino-Schema": SCHEMA,
            "X-Trino-Time-Zone": "UTC",
            "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",  # or times are cut to milliseconds
        }
        request = urllib.request.Request(self._url + path, statement.encode() if statement else None, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
