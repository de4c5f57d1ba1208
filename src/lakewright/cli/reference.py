"""Commands to look things up: config, explain."""

from __future__ import annotations

from collections.abc import Sequence

import click

from lakewright.cli import codes
from lakewright.cli.command import Command, Group, pass_session, returns
from lakewright.cli.session import Session


@click.group(cls=Group)
def config() -> None:
    """Look at lake.yaml."""


@config.command("schema")
@pass_session
def config_schema(session: Session) -> None:
    """The JSON Schema of lake.yaml, for editors."""
    from lakewright.project.project import schema_text
    from lakewright.project.spec import json_schema

    click.echo(schema_text(json_schema()), nl=False)


@config.command("show")
@pass_session
def config_show(session: Session) -> None:
    """Every setting with its value, defaults too; values from ${...} and passwords are not printed."""
    import yaml

    settings = session.project().effective()
    session.show(settings, lambda: click.echo(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), nl=False))


@click.command(cls=Command)
@click.argument("code", required=False)
@pass_session
@returns("codes=lakewright.cli.codes:Page")
def explain(session: Session, code: str | None) -> None:
    """What an error CODE means and what mends it; all codes without one."""
    found = [codes.page(code)] if code else list(codes.pages().values())
    session.show({"codes": found}, lambda: _explained(found, whole=code is not None))


def _explained(found: Sequence[codes.Page], *, whole: bool) -> None:
    """Codes with their titles; with `whole` also what each means and what mends it."""
    for page in found:
        click.echo(f"{page.code}  {page.title}")
        if whole:
            click.echo(f"\n{page.meaning}\n\nWhat to do: {page.mend}")


COMMANDS: list[click.Command] = [config, explain]
