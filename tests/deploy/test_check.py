"""What AWS would fail late is found before, each with what mends it; and what DMS gives otherwise is listed by table."""

from __future__ import annotations

import datetime
import http.server
import threading
from collections.abc import Callable, Iterator

import pytest
from tests.deploy.conftest import TABLES, know, table

from lakewright.deploy import check as checks
from lakewright.deploy import preflight, schemas
from lakewright.deploy.account import Account, examine
from lakewright.deploy.catalog import catalog
from lakewright.deploy.losses import losses
from lakewright.deploy.render import render
from lakewright.deploy.target import target, targets
from lakewright.errors import DeployError
from lakewright.model.finding import Finding
from lakewright.project.project import open_project

TODAY = datetime.date(2026, 11, 22)


def _faults(findings) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings if not finding.ok}


def _rows(project) -> dict[str, Finding]:
    dev, known = target(project, "dev"), schemas.known(project, project.folder / "live")
    found = catalog(dev, known)
    return _faults([*preflight.names(dev, found), *preflight.rows(dev, known, found)])


def test_a_merge_on_read_table_with_timestamps_and_what_mends_it(project, change):
    assert [*_rows(project)] == ["table stock"]
    assert _rows(project)["table stock"].mend == "deploy: {cow: [stock]} in lake.yaml"
    assert _rows(change("  region: eu-west-1\n", "  region: eu-west-1\n  cow: [stock]\n")) == {}


def test_a_dataset_without_a_definition_is_a_fault(project):
    (project.folder / "datasets" / "people.yaml").unlink()
    (fault,) = (finding for finding in checks.check(target(project, "dev"), TODAY).findings if "people" in finding.detail)
    assert (fault.ok, fault.name, "LW-707" in fault.detail) == (False, "rendered files", True)


def test_a_region_that_there_is_not(change, aws):
    aws("http://127.0.0.1:9")  # nobody is asked
    project = change("region: eu-west-1", "region: eu-wast-1")
    [fault] = examine(target(project, "dev"))
    assert (fault.ok, fault.detail.startswith("eu-wast-1"), fault.mend) == (False, True, "did you mean eu-west-1?")


def test_a_region_for_copies_that_there_is_not(change, aws):
    aws("http://127.0.0.1:9")
    project = change("      dms: {serverless", "      replica_region: xx-olympus-9\n      dms: {serverless")
    [fault] = examine(target(project, "prod"))
    assert (fault.ok, fault.detail.startswith("xx-olympus-9"), fault.mend) == (False, True, "correct replica_region in lake.yaml")


def test_tables_that_aws_cannot_name_or_take(project):
    long = "a" * 50
    store = [*TABLES["store"], table(f"public.{long}", "id", id="bigint"), table("public.log", "", line="text")]
    store.append(table("public.twice", "id", id="bigint", ID="bigint"))
    know(project.folder, {**TABLES, "store": store})
    faults = _rows(project)
    assert "has more than 64 characters" in faults[f"table {long}"].detail
    assert "columns that differ in capitals alone: id" in faults["table twice"].detail
    assert "give it a primary key" in (faults["table public.log"].mend or "")


def test_a_source_that_dms_cannot_name(folder):
    (folder / "lake.yaml").write_text((folder / "lake.yaml").read_text().replace("store", "my_store"))
    know(folder, {"my_store": TABLES["store"], "drop": TABLES["drop"]})
    assert _rows(open_project(folder))["my_store: name"].mend == "rename the source in lake.yaml"


@pytest.mark.parametrize(("version", "ok"), [("3.5.4", False), ("3.6.1", False), ("3.7.0", True)])
def test_versions_of_dms_that_expired(change, version, ok):
    project = change("      shares", f"      dms: {{engine_version: {version}}}\n      shares")
    assert all(finding.ok for finding in preflight.versions(target(project, "dev"), TODAY)) is ok


def test_variables_that_nobody_gave(project):
    root = project.folder / "live" / "dev"
    root.mkdir(exist_ok=True)
    (root / "variables.tf").write_text(
        'variable "lake" {\n  type = any\n}\n\n'
        'variable "login" {\n  type = object({ password = string })\n  sensitive = true\n}\n\n'
        'variable "share" {\n  type = string\n}\n\nvariable "retries" {\n  type = number\n  default = null\n}\n'
    )
    dev = target(project, "dev")
    assert [*_faults(preflight.variables(dev, {}))] == ["variable login", "variable share"]
    (root / "terraform.tfvars").write_text('share = "x"\nlogin = { password = "hunter2" }\n')
    fault = _faults(preflight.variables(dev, {}))["variable login"]
    assert fault.detail == "a secret in a file"
    (root / "terraform.tfvars").write_text('share = "x"\n')
    assert _faults(preflight.variables(dev, {"TF_VAR_login": '{"password": "hunter2"}'})) == {}
    broken = _faults(preflight.variables(dev, {"TF_VAR_login": '{"password": hunter2}'}))["variable login"]
    assert "hunter2" not in str(broken)


def test_all_parts_are_looked_at_whatever_fails(project, monkeypatch):
    """No root, no credentials, files that were edited: each is a finding."""
    render(targets(project), write=True)
    (project.folder / "live" / "dev" / "terraform.tfvars.json").write_text("{}\n")
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    found = checks.check(target(project, "dev"), TODAY)
    faults = _faults(found.findings)
    assert [*faults] == ["rendered files", "table stock", "root", "AWS"]
    assert faults["rendered files"].mend == "`lakewright deploy render dev`"
    assert "there are no credentials for AWS (LW-722)" in faults["AWS"].detail
    assert {loss.table for loss in found.losses} == {"public.item", "public.order_line"}


def test_a_database_that_is_reached_and_one_that_is_not(change, url):
    """What DMS asks of a server is what capture asks, but for publications and slot."""
    project = change("url: embedded", f'url: "{url}"')
    found = {finding.name: finding for finding in checks._database(target(project, "dev"), "store")}
    assert found["store: wal_level"].detail == "logical"
    assert {"store: version", "store: replication privilege"} <= {*found}
    assert "store: publications" not in found
    project = change(url, "postgresql://nobody:hunter2@127.0.0.1:9/none")
    [missed] = checks._database(target(project, "dev"), "store")
    assert (missed.ok, "was not looked at" in missed.detail, "hunter2" in missed.detail) == (True, True, False)


@pytest.mark.parametrize(
    ("server", "version", "told"),
    [
        ("PostgreSQL 17.2", "3.5.3", "PostgreSQL 17 needs DMS 3.6.1"),
        ("PostgreSQL 16.4", "3.6.0", None),
        ("PostgreSQL 17.2", None, None),
    ],
)
def test_a_server_that_the_version_of_dms_does_not_know_is_told(server, version, told):
    found = checks._newer_dms_needed(server, version)
    assert found is None if told is None else found.startswith(told)


@pytest.fixture
def denied() -> Iterator[str]:
    """A server that denies everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Account]:
    """An account behind an endpoint."""

    def behind(endpoint: str) -> Account:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-mine")
        return Account("eu-west-1")

    return behind


def test_an_endpoint_that_does_not_answer(aws):
    with pytest.raises(DeployError, match="sts get_caller_identity: AWS does not answer") as caught:
        aws("http://127.0.0.1:9").ask("sts", "get_caller_identity")
    assert (caught.value.code, "AWS_ENDPOINT_URL" in caught.value.hint) == ("LW-720", True)


def test_access_that_is_denied_is_told_without_what_the_server_says(aws, denied):
    with pytest.raises(DeployError, match=r"access denied \(AccessDenied\)") as caught:
        aws(denied).ask("sts", "get_caller_identity")
    assert caught.value.code == "LW-721"
    assert "secret-of-mine" not in f"{caught.value}{caught.value.hint}"


def test_what_dms_gives_otherwise():
    found = table(
        "public.t",
        "id",
        id="bigint",
        free="numeric",
        price="numeric(10,2)",
        note="text",
        tags="text[]",
        at="time without time zone",
        day="date",
        code="character(3)",
        name="character varying(20)",
        flag="boolean",
        mood="mood",
        story="character varying",
    )
    kinds = {loss.kind: loss.columns for loss in losses(found, 64)}
    assert kinds == {
        "truncate": (),
        "new column": (),
        "key change": (),
        "long": ("note", "tags"),
        "toast": ("note", "tags", "story"),
        "array": ("tags",),
        "numeric": ("free",),
        "nan": ("free", "price"),
        "infinity": ("day",),
        "time": ("at",),
        "padding": ("code",),
        "other": ("mood",),
    }
    assert all(loss.mend for loss in losses(found, 64))
    assert "more than 64 KB" in next(loss.detail for loss in losses(found, 64) if loss.kind == "long")
