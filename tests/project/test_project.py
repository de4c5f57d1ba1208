"""lake.yaml: what it means, and every way it can be wrong."""

from __future__ import annotations

import datetime
import traceback

import pytest

from lakewright.errors import ConfigError
from lakewright.model.names import TableName
from lakewright.project.names import Origin, Partition
from lakewright.project.project import find, open_project
from lakewright.project.values import format_duration, parse_duration

SOURCE = "sources:\n  shop: {kind: postgres, url: embedded, tables: [public.*]}\n"


def test_a_full_file(lake_yaml):
    project = lake_yaml(
        "lake: shop_lake\nzones: {raw: data/raw, curated: data/tables, logs: logs}\n"
        "sources:\n  shop: {kind: postgres, url: embedded, tables: [public.*, 'sales.order?'], slot: mine}\n"
        "tables:\n  orders:\n    {from: shop.sales.orders, partition: day( placed_at ),\n"
        "    retention: {recent: 30m}, types: {total: 'decimal(12, 2)'}}\n"
        "queries: sql/\n"
    )
    lake, table = project.settings, project.settings.tables["orders"]
    assert (lake.zones.raw, lake.queries, lake.slot("shop")) == ("data/raw", "sql", "mine")
    assert table.origin == Origin("shop", TableName("sales", "orders"))
    assert table.partition == (Partition("placed_at", is_day=True),)
    assert table.retention.recent == datetime.timedelta(minutes=30)
    assert table.types == {"total": "decimal(12,2)"}


def test_defaults(lake_yaml):
    project = lake_yaml("lake: a\nsources: {shop: {kind: postgres, url: embedded}}\ntables: {t: {from: shop.public.t}}\n")
    lake = project.settings
    assert lake.zones.model_dump() == {"raw": "raw", "curated": "curated", "quarantine": "quarantine", "logs": "logs"}
    assert (lake.slot("shop"), lake.queries, lake.sources["shop"].tables) == ("lakewright_a_shop", "queries", ["public.*"])
    assert (lake.tables["t"].retention.recent, lake.tables["t"].partition) == (datetime.timedelta(hours=1), ())


def test_patterns_choose_tables(lake_yaml):
    source = lake_yaml(
        "lake: a\nsources: {s: {kind: postgres, url: x, tables: [-public.b, public.*, 'sales.order?']}}\n"
    ).settings.sources["s"]
    names = ("public.a", "public.b", "sales.orders", "sales.order", "Public.a")
    assert [name for name in names if source.wants(TableName.parse(name))] == ["public.a", "sales.orders"]


@pytest.mark.parametrize(
    ("text", "code", "line", "message", "hint"),
    [
        ("", "LW-103", 1, "setting lake is missing", "name"),
        ("lake: a\n", "LW-103", 1, "setting sources is missing", "databases"),
        (
            f"lake: a\n{SOURCE}tabels: {{}}\n",
            "LW-102",
            4,
            "unknown setting tabels (allowed: lake, zones",
            "did you mean tables?",
        ),
        (f"lake: A-b\n{SOURCE}", "LW-104", 1, "lake 'A-b': not a name", "config schema"),
        (f"lake: {'a' * 25}\n{SOURCE}", "LW-104", 1, "longer than 24", "config schema"),
        (
            "lake: a\nsources: 5\n",
            "LW-104",
            2,
            "sources '5': not a group",
            "The databases and folders that are captured, by name",
        ),
        ("lake: a\nsources: {}\n", "LW-104", 2, "sources: needs at least 1", "config schema"),
        (
            "lake: a\nsources:\n  s:\n    kind: postgresql\n    url: x\n",
            "LW-104",
            4,
            "allowed values ('postgres' or 'files')",
            "mean postgres?",
        ),
        ("lake: a\nsources:\n  s:\n    kind: postgres\n", "LW-103", 3, "setting sources.s.url is missing", "embedded"),
        (
            "lake: a\nsources:\n  s: {kind: postgres, url: x,\n    tables: [a, b.c]}\n",
            "LW-104",
            4,
            "tables[0] 'a': not schema.table",
            "Which tables to capture, as `schema.table`; in either name `*` stands for any characters and `?` for one",
        ),
        ("lake: a\nsources:\n  Shop: {kind: postgres, url: x}\n", "LW-104", 3, "'sources.Shop': not a name", "another name"),
        (
            f"lake: a\n{SOURCE}tables:\n  t:\n    form: x\n",
            "LW-102",
            6,
            "tables.t.form (allowed: from, partition",
            "mean from?",
        ),
        (
            f"lake: a\n{SOURCE}tables:\n  t: {{from: shop.t}}\n",
            "LW-104",
            5,
            "tables.t.from 'shop.t': not source.schema.table",
            "The table it mirrors, as `source.schema.table`",
        ),
        (
            f"lake: a\n{SOURCE}tables:\n  t: {{from: shpo.public.t}}\n",
            "LW-104",
            5,
            "no source shpo (sources: shop)",
            "mean shop?",
        ),
        (
            f"lake: a\n{SOURCE}tables:\n  t: {{from: shop.public.t}}\n  u: {{from: shop.public.t}}\n",
            "LW-104",
            6,
            "table t already mirrors shop.public.t",
            "",
        ),
        (
            f"lake: a\n{SOURCE}tables:\n  t: {{from: shop.public.t, partition: month(x)}}\n",
            "LW-104",
            5,
            "'month(x)': not a column, nor day(column)",
            "`day(column)`: one folder for each UTC day",
        ),
        (
            f"lake: a\n{SOURCE}tables:\n  t: {{from: shop.public.t, retention: {{recent: 1y}}}}\n",
            "LW-104",
            5,
            "recent '1y': not a duration",
            "Reads as of any moment up to so long ago",
        ),
        (
            f"lake: a\n{SOURCE}tables:\n  t: {{from: shop.public.t, types: {{x: 'decimal(40,2)'}}}}\n",
            "LW-104",
            5,
            "'decimal(40,2)': not decimal",
            "`decimal(precision,scale)` for numeric columns",
        ),
        (
            f"lake: a\n{SOURCE}tables:\n  t:\n    from: shop.public.t\n    timeline: {{keep: 1}}\n",
            "LW-104",
            7,
            "tables.t.timeline.keep '1': less than 2",
            "So many of the newest writes stay",
        ),
        (
            f"lake: a\n{SOURCE}tables:\n  t:\n    from: shop.public.t\n    timeline: {{archive_after: often}}\n",
            "LW-104",
            7,
            "tables.t.timeline.archive_after 'often': ",
            "So many others go together",
        ),
        (
            f"lake: a\n{SOURCE}zones: {{raw: x, logs: x/y}}\n",
            "LW-104",
            4,
            "zones.logs 'x/y': the same folder as zone raw",
            "beside the others",
        ),
        (f"lake: a\n{SOURCE}zones: {{raw: ../x}}\n", "LW-104", 4, "zones.raw '../x': not a folder inside", "as captured"),
        (f"lake: a\n{SOURCE}zones: {{raw: /x}}\n", "LW-104", 4, "zones.raw '/x': not a folder inside", ""),
        (f"lake: a\n{SOURCE}zones: {{raw: .lakewright}}\n", "LW-104", 4, "not a folder inside", ""),
        ("[lake]\n", "LW-104", 1, "the file: not a group of settings", ""),
    ],
)
def test_every_fault_has_its_line_value_and_help(lake_yaml, tmp_path, text, code, line, message, hint):
    with pytest.raises(ConfigError) as caught:
        lake_yaml(text)
    error = caught.value
    assert (error.code, error.where) == (code, f"{tmp_path}/lake.yaml:{line}")
    assert message in error.message
    assert error.hint is not None
    assert hint in error.hint


def test_several_faults_are_all_told(lake_yaml):
    with pytest.raises(ConfigError) as caught:
        lake_yaml("lake: A\nsuorces: {}\nsources:\n  s: {kind: postgres, url: x, slots: y}\n")
    assert "unknown setting suorces" in caught.value.message
    assert [note.partition("lake.yaml:")[2][:12] for note in caught.value.__notes__] == ["4: unknown s", "1: lake 'A':"]


@pytest.mark.parametrize("setting", ["kind: $", "slot: $", "tables: [$]", "tables: $"])
def test_what_a_reference_gives_is_not_in_an_error(lake_yaml, monkeypatch, setting):
    monkeypatch.setenv("PW", "TOP-secret")
    settings = {"kind": "postgres", "url": "x"} | dict([setting.replace("$", '"${env:PW}"').split(": ", 1)])
    with pytest.raises(ConfigError) as caught:
        lake_yaml("lake: a\nsources:\n  s:\n" + "".join(f"    {name}: {value}\n" for name, value in settings.items()))
    error = caught.value
    assert "'${env:PW}'" in error.message
    assert "TOP-secret" not in "".join([error.message, str(error.hint), *getattr(error, "__notes__", [])])


def test_what_a_reference_gives_is_not_in_what_is_printed(lake_yaml, monkeypatch):
    monkeypatch.setenv("PW", "TOP-secret")
    project = lake_yaml('lake: a\nsources: {s: {kind: postgres, url: "postgresql://u:${env:PW}@h/d"}}\n')
    assert project.settings.sources["s"].url.reveal() == "postgresql://u:TOP-secret@h/d"
    printed = [
        repr(project),
        str(project.settings),
        project.settings.model_dump_json(),
        str(project.effective()),
        repr(project.document),
    ]
    assert not [text for text in printed if "TOP-secret" in text]


def test_settings_show_references_and_urls_as_written(lake_yaml, monkeypatch):
    monkeypatch.setenv("ZONE", "elsewhere")
    project = lake_yaml("lake: a\nzones: {raw: '${env:ZONE}'}\nsources: {s: {kind: postgres, url: 'postgresql://u:pw@h/d'}}\n")
    assert project.settings.zones.raw == "elsewhere"
    settings = project.effective()
    assert settings["zones"] == {
        "raw": "${env:ZONE}",
        "curated": "curated",
        "quarantine": "quarantine",
        "logs": "logs",
    }
    assert settings["sources"]["s"]["url"] == "postgresql://u:***@h/d"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u@/lake?host=/run&pasword=S3cr3t", "***"),
        ("postgres:u:S3cr3t@127.0.0.1/lake", "***"),
        ("host=h user=u password 'a bS3cr3t' dbname=x", "***"),
        ("postgresql://u:S3cr3t", "***"),
        ("postgresql://u:a@S3cr3t@h/lake", "***"),
        ("${env:LAKE_URL:-postgres:u:S3cr3t@h}", "***"),
        ("${env:LAKE_URL:-embedded}", "${env:LAKE_URL:-embedded}"),
        ("${env:LAKE_URL:-postgresql://u:S3cr3t@h/d}", "${env:LAKE_URL:-postgresql://u:***@h/d}"),
        ("${env:LAKE_URL}", "${env:LAKE_URL}"),
        ("postgresql://${env:LAKE_URL}:5432/d", "postgresql://${env:LAKE_URL}:5432/d"),
        ("postgresql://h:${env:PORT}/d?sslmode=require", "postgresql://h:${env:PORT}/d?sslmode=require"),
        ("host=h password=S3cr3t dbname=x", "host=h password=*** dbname=x"),
    ],
)
def test_a_url_that_is_not_understood_is_not_shown(lake_yaml, monkeypatch, url, shown):
    monkeypatch.setenv("LAKE_URL", "postgresql://u:TOP@h/d")
    monkeypatch.setenv("PORT", "5432")
    project = lake_yaml(f'lake: a\nsources: {{s: {{kind: postgres, url: "{url}"}}}}\n')
    assert project.effective()["sources"]["s"]["url"] == shown


@pytest.mark.parametrize(
    "text",
    [
        'lake: a\nsources: {s: {kind: postgres, "postgresql://u:S3cr3t@h/lake": 1}}\n',
        'lake: a\nsources: {s: {kind: postgres, "postgresql://u:S3cr3t": 1}}\n',
        'lake: a\nsources: {s: {kind: postgres, "host=h password=S3cr3t": 1}}\n',
        'lake: a\nsources: {"postgresql://u:S3cr3t@h/lake": {kind: postgres}}\n',
        'lake: a\nsources: {s: {"postgresql://u:S3cr3t@h/lake": 1, "postgresql://u:S3cr3t@h/lake": 1}}\n',
    ],
)
def test_a_password_in_the_place_of_a_key_is_not_in_an_error(lake_yaml, text):
    with pytest.raises(ConfigError) as caught:
        lake_yaml(text)
    error = caught.value
    assert error.code in ("LW-102", "LW-104", "LW-105")
    assert "S3cr3t" not in "".join([error.message, str(error.hint), *getattr(error, "__notes__", [])])


@pytest.mark.parametrize(
    "url",
    ['"postgresql://u:S3cr3t@h/lake', "postgresql://u:*S3cr3t: @h/lake", "*S3cr3t", "!S3cr3t!x 1", "|S3cr3t", "&S3cr3t &b c"],
)
def test_the_trace_of_broken_yaml_has_none_of_its_text(lake_yaml, url):
    with pytest.raises(ConfigError) as caught:
        lake_yaml(f"lake: a\nsources:\n  s: {{kind: postgres, url: {url}}}\n")
    assert caught.value.code == "LW-101"
    assert "S3cr3t" not in "".join(traceback.format_exception(caught.value))


def test_saved_queries_are_found_by_name(lake_yaml, tmp_path):
    project = lake_yaml(f"lake: a\n{SOURCE}")
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "top.sql").write_text("SELECT 1")
    assert project.query("top") == "SELECT 1"
    with pytest.raises(ConfigError, match="there is no query tpo") as caught:
        project.query("tpo")
    assert (caught.value.code, caught.value.hint) == ("LW-120", "did you mean top?")
    with pytest.raises(ConfigError, match="there is no query") as caught:
        project.query("../lake")
    assert caught.value.code == "LW-120"


def test_the_nearest_folder_with_a_lake_is_found(tmp_path):
    (tmp_path / "lake.yaml").write_text(f"lake: a\n{SOURCE}")
    inner = tmp_path / "queries" / "deep"
    inner.mkdir(parents=True)
    assert find(inner) == tmp_path
    assert open_project(find(inner)).settings.lake == "a"


def test_no_lake_is_an_error_that_names_what_makes_one(tmp_path):
    with pytest.raises(ConfigError) as caught:
        find(tmp_path)
    assert caught.value.code == "LW-107"
    assert "lakewright init" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["250ms", "30s", "5m", "1h", "7d", "90s", "1500ms"])
def test_durations_are_read_back(text):
    assert format_duration(parse_duration(text)) == text


@pytest.mark.parametrize("text", ["", "1", "h", "0s", "-1h", "1.5h", "1 h", "1w", "999999999d", "1h30m", "１h"])
def test_other_texts_are_no_duration(text):
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


def test_the_hint_is_of_the_setting_and_not_of_a_column_with_its_name(lake_yaml):
    with pytest.raises(ConfigError) as caught:
        lake_yaml(f"lake: a\n{SOURCE}tables:\n  t: {{from: shop.public.t, types: {{partition: 'decimal(40,2)'}}}}\n")
    assert "decimal(precision,scale)" in (caught.value.hint or "")
    assert "\n" not in (caught.value.hint or "")
