"""What DMS takes of a database: which tables, and how its task treats them, in the words of its API.

Raw rows come with our columns: ``Op`` and ``_commit_time`` by the settings of the endpoint (module dms), ``_position`` by a
rule. https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Tasks.CustomizingTasks.TableMapping.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lakewright.errors import DeployError
from lakewright.model.batch import POSITION
from lakewright.model.names import TableName
from lakewright.model.schema import TableSchema

POSITION_LENGTH = 64
"""Of ``$AR_H_CHANGE_SEQ`` as text, which has 35 digits."""


def table_mappings(tables: Sequence[TableSchema]) -> dict[str, Any]:
    """A rule for each table, by its own name, then one for the position.

    Order comes from the source's log and never from a clock. Raises `DeployError` LW-705 for a table without key.
    """
    rules: list[dict[str, Any]] = []
    for number, table in enumerate(tables, 1):
        if not table.key:
            raise keyless(table.name)
        rules.append(
            {
                "rule-type": "selection",
                "rule-id": str(number),
                "rule-name": str(table.name),
                "rule-action": "include",
                "object-locator": {"schema-name": _literal(table.name.schema), "table-name": _literal(table.name.table)},
            }
        )
    position = {
        "rule-type": "transformation",
        "rule-id": str(len(rules) + 1),
        "rule-name": "position",
        "rule-action": "add-column",
        "rule-target": "column",
        "object-locator": {"schema-name": "%", "table-name": "%"},
        "value": POSITION,
        "expression": "$AR_H_CHANGE_SEQ",
        "data-type": {"type": "string", "length": POSITION_LENGTH},
    }
    return {"rules": [*rules, position]}


def task_settings(lob_max_kb: int) -> dict[str, Any]:
    """The settings that are not DMS's own. A row that it cannot read or write suspends its table: nothing is dropped in silence.

    Nothing in raw is deleted when tables are loaded again, and no value is cut without a word.
    https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Tasks.CustomizingTasks.TaskSettings.html
    """
    return {
        "TargetMetadata": {"SupportLobs": True, "FullLobMode": False, "LimitedSizeLobMode": True, "LobMaxSize": lob_max_kb},
        "FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING", "MaxFullLoadSubTasks": 8},
        "Logging": {"EnableLogging": True},
        "ErrorBehavior": {
            "DataErrorPolicy": "SUSPEND_TABLE",
            "DataTruncationErrorPolicy": "SUSPEND_TABLE",
            "TableErrorPolicy": "SUSPEND_TABLE",
            "RecoverableErrorCount": -1,
        },
    }


def keyless(table: TableName) -> DeployError:
    """The error of a table without key."""
    return DeployError(
        "LW-705",
        f"table {table} has no key, and DMS ignores its updates and deletes",
        hint=f"give it a primary key, or leave it out: `-{table}` in the source's `tables`",
    )


def _literal(name: str) -> str:
    """A name in which no character is a wildcard: those that are stand in brackets.

    https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Tasks.CustomizingTasks.TableMapping.SelectionTransformation.Wildcards.html
    """
    return re.sub(r"[%_]", lambda match: f"[{match[0]}]", name)
