"""Means to give moto what it lacks, in the server's process: put around a method, answer one more action, keep what was said."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores

Said = dict[str, Any]
"""A request, an answer, or an object as it was said."""
Action = Callable[[Any, Said], Mapping[str, Any]]
"""Takes the responses of a service and a request, and gives the answer; what is no member of the answer's shape is left out."""


def around(owner: type, name: str) -> Callable[[Callable[..., Any]], None]:
    """Put a function in the place of a method; it gets the method that was there, then what that would get."""
    original = getattr(owner, name)

    def put(function: Callable[..., Any]) -> None:
        setattr(owner, name, functools.wraps(original)(lambda *arguments, **named: function(original, *arguments, **named)))

    return put


def answers(responses: type, **actions: Action) -> None:
    """Let a service that speaks JSON answer more actions, in the place of moto's where it has them."""
    for name, action in actions.items():
        setattr(responses, camelcase_to_underscores(name), _method(action))


def _method(action: Action) -> Callable[[Any], ActionResult]:
    def method(self: Any) -> ActionResult:
        return ActionResult(action(self, json.loads(self.body or "{}")))

    return method


def kept(backend: Any, kind: str) -> dict[str, Said]:
    """The objects of a kind that are kept beside a backend of moto's, which forgets them when it is reset."""
    objects: dict[str, Said] = backend.__dict__.setdefault("kept", {}).setdefault(kind, {})
    return objects


def one(objects: dict[str, Said], name: str, error: str) -> Said:
    """The object of this name; raises the service's error where there is none."""
    if name not in objects:
        raise JsonRESTError(error, f"{name} not found")
    return objects[name]
