"""Glue where moto 5.2.5 cannot change or delete, and rule sets of Data Quality, which it has not."""

from __future__ import annotations

import datetime
from typing import Any

from moto.core.utils import camelcase_to_underscores
from moto.glue.models import FakeConnection
from moto.glue.responses import GlueResponse

from lakewright.testing.aws.mending import Said, answers, around, kept, one

_MISSING = "EntityNotFoundException"


@around(FakeConnection, "as_dict")
def _described(original: Any, self: FakeConnection, *hide_password: bool) -> Said:
    """moto keeps a connection's type and does not tell it; Terraform would set it again with each plan."""
    return {**original(self, *hide_password), "ConnectionType": self.connection_input.get("ConnectionType")}


def _update(made: Any, said: Said) -> Said:
    for name, value in said.items():
        setattr(made, camelcase_to_underscores(name), value)
    return {}


def _update_job(responses: Any, said: Said) -> Said:
    _update(one(responses.glue_backend.jobs, said["JobName"], _MISSING), said["JobUpdate"])
    return said


def _update_crawler(responses: Any, said: Said) -> Said:
    return _update(one(responses.glue_backend.crawlers, said["Name"], _MISSING), said)


def _delete_connection(responses: Any, said: Said) -> Said:
    one(responses.glue_backend.connections, said["ConnectionName"], _MISSING)
    del responses.glue_backend.connections[said["ConnectionName"]]
    return {}


def _put_rules(responses: Any, said: Said) -> Said:
    arn = f"arn:aws:glue:{responses.region}:{responses.current_account}:dataQualityRuleset/{said['Name']}"
    responses.glue_backend.tag_resource(arn, said.pop("Tags", {}))
    now = datetime.datetime.now(datetime.UTC)
    made = kept(responses.glue_backend, "rules").setdefault(said["Name"], {"CreatedOn": now})
    made.update(said, LastModifiedOn=now)
    return made


def _get_rules(responses: Any, said: Said) -> Said:
    return one(kept(responses.glue_backend, "rules"), said["Name"], _MISSING)


def _list_rules(responses: Any, _: Said) -> Said:
    return {"Rulesets": list(kept(responses.glue_backend, "rules").values())}


def _delete_rules(responses: Any, said: Said) -> Said:
    kept(responses.glue_backend, "rules").pop(said["Name"], None)
    return {}


answers(
    GlueResponse,
    UpdateJob=_update_job,
    UpdateCrawler=_update_crawler,
    DeleteConnection=_delete_connection,
    CreateDataQualityRuleset=_put_rules,
    GetDataQualityRuleset=_get_rules,
    ListDataQualityRulesets=_list_rules,
    UpdateDataQualityRuleset=_put_rules,
    DeleteDataQualityRuleset=_delete_rules,
)
