"""DMS where moto 5.2.5 is wrong, and certificates, serverless replications and event subscriptions, which it has not."""

from __future__ import annotations

import datetime
import re
from typing import Any

from moto.core.utils import camelcase_to_underscores
from moto.dms.models import (
    DatabaseMigrationServiceBackend,
    FakeReplicationInstance,
    FakeReplicationSubnetGroup,
    FakeReplicationTask,
)
from moto.dms.responses import DatabaseMigrationServiceResponse

from lakewright.testing.aws.mending import Action, Said, answers, around, kept, one

_MISSING = "ResourceNotFoundFault"


def _numbers(said: Any) -> Any:
    """moto gives dates as texts, where Terraform's provider reads numbers alone."""
    if isinstance(said, dict):
        return {name: _numbers(value) for name, value in said.items() if value is not None}
    if isinstance(said, str) and re.match(r"\d{4}-\d\d-\d\dT\d\d:", said):
        return datetime.datetime.fromisoformat(said).replace(tzinfo=datetime.UTC).timestamp()
    return said


@around(FakeReplicationInstance, "to_dict")
def _instance(original: Any, self: FakeReplicationInstance) -> Any:
    return _numbers(original(self))


@around(FakeReplicationTask, "to_dict")
def _task(original: Any, self: FakeReplicationTask) -> Any:
    return _numbers(original(self))


@around(FakeReplicationTask, "__init__")
def _ready(original: Any, self: FakeReplicationTask, **named: Any) -> None:
    """moto never ends the making of a task."""
    original(self, **named)
    self.ready()


@around(DatabaseMigrationServiceBackend, "create_replication_subnet_group")
def _group(original: Any, self: Any, *, subnet_ids: list[str], tags: list[dict[str, str]] | None, **named: Any) -> Any:
    """moto forgets the subnets, and keeps tags under a name where their ARN is asked for."""
    made = original(self, subnet_ids=subnet_ids, tags=tags, **named)
    made.subnetIds = subnet_ids
    name = made.replication_subnet_group_identifier
    self.tagger.tag_resource(f"arn:aws:dms:{self.region_name}:{self.account_id}:subgrp:{name}", tags or [])
    return made


@around(FakeReplicationSubnetGroup, "to_dict")
def _subnets(original: Any, self: FakeReplicationSubnetGroup) -> Said:
    """moto gives one of its own."""
    subnets = [{"SubnetIdentifier": name, "SubnetStatus": "Active"} for name in self.subnetIds or []]
    return {**original(self), "Subnets": subnets}


def _change(backend: str, kind: str) -> Action:
    """moto changes neither endpoints nor tasks."""

    def action(responses: Any, said: Said) -> Said:
        objects = getattr(responses.dms_backend, backend).values()
        found = next(made for made in objects if made.to_dict()[f"{kind}Arn"] == said[f"{kind}Arn"])
        for name in found.to_dict().keys() & said.keys() - {f"{kind}Arn"}:
            attribute = "postgre_sql_settings" if name == "PostgreSQLSettings" else camelcase_to_underscores(name)
            before, now = getattr(found, attribute), said[name]
            setattr(found, attribute, {**before, **now} if isinstance(before, dict) else now)
        return {kind: found.to_dict()}

    return action


def _create(kind: str, word: str, identifier: str) -> Action:
    def action(responses: Any, said: Said) -> Said:
        arn = f"arn:aws:dms:{responses.region}:{responses.current_account}:{word}:{said[identifier]}"
        responses.dms_backend.tagger.tag_resource(arn, said.pop("Tags", []))
        made = {**said, f"{kind}Arn": arn, "Status": "active"}
        kept(responses.dms_backend, kind)[said.get("SubscriptionName", arn)] = made
        return {kind: made}

    return action


def _describe(kind: str, answer: str) -> Action:
    """A filter is named as the member that it is about: certificate-id is of CertificateIdentifier."""

    def action(responses: Any, said: Said) -> Said:
        found = list(kept(responses.dms_backend, kind).values())
        for wanted in said.get("Filters", []):
            member = "".join(word.capitalize() for word in wanted["Name"].split("-"))
            found = [made for made in found if made.get(re.sub("Id$", "Identifier", member)) in wanted["Values"]]
        return {answer: found}

    return action


def _modify(kind: str, key: str) -> Action:
    def action(responses: Any, said: Said) -> Said:
        made = one(kept(responses.dms_backend, kind), said[key], _MISSING)
        made.update(said)
        return {kind: made}

    return action


def _delete(kind: str, key: str) -> Action:
    def action(responses: Any, said: Said) -> Said:
        one(kept(responses.dms_backend, kind), said[key], _MISSING)
        return {kind: kept(responses.dms_backend, kind).pop(said[key])}

    return action


def _subscriptions(responses: Any, said: Said) -> Said:
    """They are given back with other names of members than they were said with."""
    made = kept(responses.dms_backend, "EventSubscription")
    wanted = [one(made, said["SubscriptionName"], _MISSING)] if "SubscriptionName" in said else made.values()
    names = {"SubscriptionName": "CustSubscriptionId", "SourceIds": "SourceIdsList", "EventCategories": "EventCategoriesList"}
    return {"EventSubscriptionsList": [{names.get(name, name): value for name, value in each.items()} for each in wanted]}


def _tag(responses: Any, said: Said) -> Said:
    responses.dms_backend.tagger.tag_resource(said["ResourceArn"], said["Tags"])
    return {}


def _untag(responses: Any, said: Said) -> Said:
    responses.dms_backend.tagger.untag_resource_using_names(said["ResourceArn"], said["TagKeys"])
    return {}


answers(
    DatabaseMigrationServiceResponse,
    ModifyEndpoint=_change("endpoints", "Endpoint"),
    ModifyReplicationTask=_change("replication_tasks", "ReplicationTask"),
    ImportCertificate=_create("Certificate", "cert", "CertificateIdentifier"),
    DescribeCertificates=_describe("Certificate", "Certificates"),
    DeleteCertificate=_delete("Certificate", "CertificateArn"),
    CreateReplicationConfig=_create("ReplicationConfig", "replication-config", "ReplicationConfigIdentifier"),
    DescribeReplicationConfigs=_describe("ReplicationConfig", "ReplicationConfigs"),
    DescribeReplications=_describe("ReplicationConfig", "Replications"),
    ModifyReplicationConfig=_modify("ReplicationConfig", "ReplicationConfigArn"),
    DeleteReplicationConfig=_delete("ReplicationConfig", "ReplicationConfigArn"),
    CreateEventSubscription=_create("EventSubscription", "es", "SubscriptionName"),
    DescribeEventSubscriptions=_subscriptions,
    ModifyEventSubscription=_modify("EventSubscription", "SubscriptionName"),
    DeleteEventSubscription=_delete("EventSubscription", "SubscriptionName"),
    AddTagsToResource=_tag,
    RemoveTagsFromResource=_untag,
)
