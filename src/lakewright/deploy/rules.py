"""Rule sets: what lake.yaml's folder of rules says of the tables, each seen to be one that AWS can evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lakewright.deploy import dqdl
from lakewright.deploy.catalog import Catalog, LeftOut
from lakewright.deploy.target import Target
from lakewright.errors import DeployError
from lakewright.model.names import did_you_mean
from lakewright.model.table import MOR
from lakewright.project.document import shown


class Rules(NamedTuple):
    """The documents by the table that they are about, and those about tables that are not on AWS."""

    texts: dict[str, str]
    left_out: list[LeftOut]


def rules(target: Target, found: Catalog) -> Rules:
    """The lake's rule sets for Glue Data Quality; raises `DeployError` LW-706 for one that AWS would refuse, with its line."""
    tables = {each.table.name: each for each in found.tables}
    elsewhere = {left.name: left.reason for left in found.left_out}
    texts, left_out = {}, []
    for name, path in target.project.rules().items():
        if name in elsewhere:
            left_out.append(LeftOut(f"rules of {name}", elsewhere[name]))
        elif name not in tables:
            hint = did_you_mean(name, tables) or f"a file has the name of its table (tables: {', '.join(tables)})"
            raise DeployError("LW-706", f"there is no table {name}", hint=hint, where=shown(path))
        elif tables[name].spec.type == MOR:
            hint = f"deploy: {{cow: [{name}]}} in lake.yaml, or remove the file"
            raise DeployError(
                "LW-706", f"table {name} is merge-on-read, which has no entry of its own name", hint=hint, where=shown(path)
            )
        else:
            texts[name] = _checked(path, [column for column, _ in tables[name].spec.columns])
    return Rules(texts, left_out)


def _checked(path: Path, columns: list[str]) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeployError("LW-706", f"cannot be read: {error}", hint="save it as UTF-8 text", where=shown(path)) from error
    if (fault := dqdl.fault(text, columns)) is not None:
        raise DeployError("LW-706", fault.message, hint=fault.hint, where=f"{shown(path)}:{fault.line}")
    return text
