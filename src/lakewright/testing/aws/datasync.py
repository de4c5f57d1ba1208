"""DataSync where moto 5.2.5 forgets what it was told, and NFS, tags and agents, which it has not."""

from __future__ import annotations

import json
import re
from typing import Any

from moto.datasync.models import DataSyncBackend
from moto.datasync.responses import DataSyncResponse

from lakewright.testing.aws.mending import Action, Said, answers, around, kept


@around(DataSyncBackend, "create_location")
def _location(original: Any, self: DataSyncBackend, location_uri: str, **named: Any) -> Any:
    """moto joins a bucket and a subdirectory that begins with / with another one."""
    kind, _, place = location_uri.partition("://")
    return original(self, f"{kind}://{re.sub('/+', '/', place)}", **named)


def _create(moto: Any) -> Action:
    def action(responses: Any, said: Said) -> Said:
        made: Said = json.loads(moto(responses))
        kept(responses.datasync_backend, "said")[next(iter(made.values()))] = said
        return made

    return action


def _create_nfs(responses: Any) -> str:
    said = json.loads(responses.body)
    place = f"nfs://{said['ServerHostname']}/{said['Subdirectory']}/"
    return json.dumps({"LocationArn": responses.datasync_backend.create_location(place, typ="NFS", metadata={})})


def _describe_nfs(responses: Any) -> str:
    location = responses.datasync_backend._get_location(json.loads(responses.body)["LocationArn"], typ="NFS")
    return json.dumps({"LocationArn": location.arn, "LocationUri": location.uri})


def _describe(moto: Any, **defaults: Any) -> Action:
    def action(responses: Any, said: Said) -> Said:
        told = kept(responses.datasync_backend, "said")[said.get("LocationArn") or said["TaskArn"]]
        return {**defaults, **json.loads(moto(responses)), **told}

    return action


def _update_task(responses: Any, said: Said) -> Said:
    kept(responses.datasync_backend, "said")[said["TaskArn"]].update(said)
    return {}


def _tags(responses: Any, said: Said) -> Said:
    return {"Tags": kept(responses.datasync_backend, "said")[said["ResourceArn"]].get("Tags", [])}


def _tag(responses: Any, said: Said) -> Said:
    told = kept(responses.datasync_backend, "said")[said["ResourceArn"]]
    names = {tag["Key"] for tag in said.get("Tags", [])} | set(said.get("Keys", []))
    told["Tags"] = [tag for tag in told.get("Tags", []) if tag["Key"] not in names] + said.get("Tags", [])
    return {}


answers(
    DataSyncResponse,
    CreateLocationNfs=_create(_create_nfs),
    CreateLocationS3=_create(DataSyncResponse.create_location_s3),
    CreateLocationSmb=_create(DataSyncResponse.create_location_smb),
    CreateTask=_create(DataSyncResponse.create_task),
    DescribeLocationNfs=_describe(_describe_nfs, MountOptions={"Version": "AUTOMATIC"}),
    DescribeLocationS3=_describe(DataSyncResponse.describe_location_s3, S3StorageClass="STANDARD"),
    DescribeLocationSmb=_describe(DataSyncResponse.describe_location_smb),
    DescribeTask=_describe(DataSyncResponse.describe_task, TaskMode="BASIC"),
    UpdateTask=_update_task,
    ListTagsForResource=_tags,
    TagResource=_tag,
    UntagResource=_tag,
)
