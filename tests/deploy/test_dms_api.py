"""What is rendered for DMS and Glue is what their services take, by botocore's models."""

from __future__ import annotations

import json

import botocore.session
from botocore.validate import ParamValidator

from lakewright.deploy.render import render
from lakewright.deploy.target import targets

_NAME = "arn:aws:dms:eu-west-1:123456789012:endpoint:X"


def _validate(service, operation, parameters):
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    report = ParamValidator().validate(parameters, model.input_shape)
    assert not report.has_errors(), report.generate_report()


def test_the_task_and_the_tables_are_what_aws_takes(project):
    render(targets(project, ["dev"]), write=True)
    rendered = project.folder / "live" / "dev" / "rendered"
    task = {"TableMappings": "table-mappings", "ReplicationTaskSettings": "task-settings"}
    texts = {name: (rendered / "dms" / "store" / f"{file}.json").read_text() for name, file in task.items()}
    arns = dict.fromkeys(("SourceEndpointArn", "TargetEndpointArn", "ReplicationInstanceArn"), _NAME)
    task = {"ReplicationTaskIdentifier": "shop-dev-store", "MigrationType": "full-load-and-cdc", **arns, **texts}
    _validate("dms", "CreateReplicationTask", task)
    for table in json.loads((rendered / "tables.json").read_text()).values():
        columns, keys = ([{"Name": c["name"], "Type": c["type"]} for c in table[part]] for part in ("columns", "partitions"))
        storage = {"Columns": columns, "Location": "s3://shop/"}
        given = {"Name": table["name"], "StorageDescriptor": storage, "PartitionKeys": keys}
        _validate("glue", "CreateTable", {"DatabaseName": "shop_dev_curated", "TableInput": given})
