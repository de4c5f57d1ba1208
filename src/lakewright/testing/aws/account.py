"""What moto 5.2.5 lacks of Budgets, Cost Explorer and Athena, and what it gets wrong of tags, trails and flow logs."""

from __future__ import annotations

import json
import uuid
from typing import Any

from moto.athena.responses import AthenaResponse
from moto.budgets.responses import BudgetsResponse
from moto.ce.responses import CostExplorerResponse
from moto.cloudtrail.models import CloudTrailBackend
from moto.ec2.models.flow_logs import FlowLogsBackend

from lakewright.testing.aws.mending import Action, Said, answers, around, kept, one


def _subscribers(responses: Any, said: Said) -> Said:
    budget = responses.backend.budgets[said["AccountId"]][said["BudgetName"]]
    return {"Subscribers": next(n.subscribers for n in budget.notifications if said["Notification"].items() >= n.details.items())}


def _update_budget(responses: Any, said: Said) -> Said:
    responses.backend.budgets[said["AccountId"]][said["NewBudget"]["BudgetName"]].budget.update(said["NewBudget"])
    return {}


def _budget_tags(responses: Any, said: Said) -> Said:
    return {"ResourceTags": kept(responses.backend, "tags").get(said["ResourceARN"], {}).get("ResourceTags", [])}


def _tag_budget(responses: Any, said: Said) -> Said:
    kept(responses.backend, "tags")[said["ResourceARN"]] = said
    return {}


answers(
    BudgetsResponse,
    DescribeSubscribersForNotification=_subscribers,
    UpdateBudget=_update_budget,
    ListTagsForResource=_budget_tags,
    TagResource=_tag_budget,
)


@around(BudgetsResponse, "create_budget")
def _create_budget(original: Any, self: Any) -> Any:
    """moto forgets its tags."""
    said = json.loads(self.body)
    _tag_budget(self, {"ResourceARN": f"arn:aws:budgets::{said['AccountId']}:budget/{said['Budget']['BudgetName']}"} | said)
    return original(self)


def _create(kind: str) -> Action:
    def action(responses: Any, said: Said) -> Said:
        arn = f"arn:aws:ce::{responses.current_account}:anomaly{kind.lower()}/{uuid.uuid4()}"
        made = {**said[f"Anomaly{kind}"], f"{kind}Arn": arn, "AccountId": responses.current_account}
        kept(responses.ce_backend, kind)[arn] = made
        responses.ce_backend.tag_resource(arn, said.get("ResourceTags") or [])
        return {f"{kind}Arn": arn}

    return action


def _get(kind: str) -> Action:
    def action(responses: Any, said: Said) -> Said:
        made = kept(responses.ce_backend, kind)
        return {f"Anomaly{kind}s": [made[arn] for arn in said.get(f"{kind}ArnList") or made if arn in made]}

    return action


def _update(kind: str) -> Action:
    def action(responses: Any, said: Said) -> Said:
        one(kept(responses.ce_backend, kind), said[f"{kind}Arn"], f"Unknown{kind}Exception").update(said)
        return said

    return action


def _delete(kind: str) -> Action:
    def action(responses: Any, said: Said) -> Said:
        kept(responses.ce_backend, kind).pop(said[f"{kind}Arn"], None)
        return {}

    return action


for _kind in ("Monitor", "Subscription"):
    answers(
        CostExplorerResponse,
        **{
            f"CreateAnomaly{_kind}": _create(_kind),
            f"GetAnomaly{_kind}s": _get(_kind),
            f"UpdateAnomaly{_kind}": _update(_kind),
            f"DeleteAnomaly{_kind}": _delete(_kind),
        },
    )


@around(FlowLogsBackend, "create_flow_logs")
def _flow_logs(original: Any, self: Any, *about: Any, log_destination: str, **named: Any) -> Any:
    """moto takes a folder of a bucket for a bucket's name."""
    made, refused = original(self, *about, log_destination=log_destination.partition("/")[0], **named)
    for log in made:
        log.log_destination = log_destination
    return made, refused


def _by_arn(original: Any, self: CloudTrailBackend, *names: str, **named: Any) -> Any:
    """moto finds a trail by its name alone, where Terraform's provider has its ARN."""
    if "trail_name" in named:
        named["trail_name"] = named["trail_name"].rpartition(":trail/")[2]
    return original(self, *(name.rpartition(":trail/")[2] for name in names), **named)


for _name in ("start_logging", "stop_logging", "delete_trail", "put_event_selectors", "get_event_selectors"):
    around(CloudTrailBackend, _name)(_by_arn)


def _delete_query(responses: Any, said: Said) -> Said:
    responses.athena_backend.named_queries.pop(said["NamedQueryId"], None)
    return {}


def _athena_tags(responses: Any, said: Said) -> Said:
    """moto takes what has no tags for what is not there."""
    found: Said = responses.athena_backend.list_tags_for_resource(said["ResourceARN"]) or {"Tags": []}
    return found


answers(AthenaResponse, DeleteNamedQuery=_delete_query, ListTagsForResource=_athena_tags)
