"""Requests in JSON are held against the model of their service, which moto 5.2.5 does not do."""

from __future__ import annotations

import json
from typing import Any

from botocore.validate import ParamValidator
from moto.core.responses import BaseResponse
from moto.core.utils import get_service_model

from lakewright.testing.aws.mending import around


@around(BaseResponse, "call_action")
def _valid(original: Any, self: Any) -> Any:
    if "X-Amz-Target" in self.headers:
        model = get_service_model(self.boto3_service_name).operation_model(self._get_action())
        report = ParamValidator().validate(json.loads(self.body or "{}"), model.input_shape)
        if report.has_errors():
            answer = {"__type": "ValidationException", "message": f"{model.name}: {report.generate_report()}"}
            return 400, {"x-amzn-ErrorType": "ValidationException"}, json.dumps(answer)
    return original(self)
