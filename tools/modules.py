"""The page of each folder of infra/modules and infra/stacks, made from its Terraform: what it is, how to call it, its face."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
_RESOURCE = re.compile(r'^resource "(\w+)"', re.MULTILINE)
_MODULE = re.compile(r'^module "(\w+)" \{\n\s+source\s*=\s*"([^"]+)"', re.MULTILINE)


def pages() -> dict[Path, str]:
    """Each README.md with what it must hold."""
    folders = sorted(file.parent for file in ROOT.glob("infra/*/*/variables.tf") if file.parts[-3] in ("modules", "stacks"))
    return {folder / "README.md": _page(folder) for folder in folders}


def _page(folder: Path) -> str:
    main = (folder / "main.tf").read_text(encoding="utf-8")
    idea = re.match(r"(?:#.*\n)+", main)
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.tf")))
    parts = [f"# {folder.name}", re.sub(r"^# ?", "", idea[0], flags=re.MULTILINE).strip() if idea else ""]
    example = folder / "examples" / "minimal" / "main.tf"
    if example.exists():
        parts += ["```hcl", example.read_text(encoding="utf-8").strip(), "```"]
    inputs, outputs = [], []
    for kind, name, body in _BLOCK.findall(text):
        if kind == "variable":
            inputs.append(f"| `{name}` | {_type(body)} | {_default(body)} | {_meaning(body)} |")
        else:
            outputs.append(f"| `{name}` | {_meaning(body)} |")
    parts += ["## Inputs", "\n".join(["| name | type | default | meaning |", "|---|---|---|---|", *inputs])]
    parts += ["## Outputs", "\n".join(["| name | meaning |", "|---|---|", *outputs])]
    called = dict.fromkeys(source for _, source in _MODULE.findall(text))
    calls = [f"[{Path(source).name}]({source}/README.md)" for source in called]
    made = [f"`{kind}`" for kind in sorted(set(_RESOURCE.findall(text)))]
    parts += ["## What it makes", ", ".join([*calls, *made]) + "."]
    return "\n\n".join(parts).replace("```hcl\n\n", "```hcl\n").replace("\n\n```\n", "\n```\n") + "\n"


def _value(body: str, name: str) -> str | None:
    """An argument of a formatted block, over several lines where it opens brackets."""
    found = re.search(rf"^  {name} += (.*?)(?=^  \w+ += |^\n|^  \w+ \{{|\Z)", body, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else None


def _type(body: str) -> str:
    lines = re.sub(r"(?<=[^({])\n\s+(?=\w+ += )", ", ", _value(body, "type") or "")
    return "`" + re.sub(r"\s+", " ", lines).replace("({ ", "({").replace(" })", "})") + "`"


def _default(body: str) -> str:
    default = _value(body, "default")
    return "required" if default is None else "`" + re.sub(r"\s+", " ", default) + "`"


def _meaning(body: str) -> str:
    return re.sub(r'\\"', '"', (_value(body, "description") or "").strip('"')).replace("|", "\\|")
