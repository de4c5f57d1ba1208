"""A source of files in lake.yaml: what it means, and every way it can be wrong."""

from __future__ import annotations

import datetime

import pytest

from lakewright.errors import ConfigError
from lakewright.model.names import TableName
from lakewright.project.share import Share
from lakewright.project.spec import FilesSettings

HEAD = "lake: a\nsources:\n  drop:\n    kind: files\n    path: in\n"


def test_a_full_source(lake_yaml):
    source = lake_yaml(
        f"{HEAD}    every: 1m\n    settle: 30s\n    bandwidth: 20MB\n    datasets:\n      orders: 'orders/*.csv'\n"
        "      people: {files: ['p*.csv', 'q*.csv'], exclude: 'p0.csv', mode: delta, key: [id], deleted: op = D, limit: 12}\n"
    ).settings.sources["drop"]
    assert isinstance(source, FilesSettings)
    assert (source.every, source.bandwidth) == (datetime.timedelta(minutes=1), 20 << 20)
    orders, people = source.datasets["orders"], source.datasets["people"]
    assert (orders.files, orders.mode, orders.key, str(orders.limit)) == (("orders/*.csv",), "append", [], "10%")
    assert (people.files, people.exclude, people.key, people.deleted) == (("p*.csv", "q*.csv"), ("p0.csv",), ["id"], ("op", "D"))
    assert people.limit == 12


def test_all_settings_can_be_shown(lake_yaml):
    """Without a word of warning on stderr."""
    shown = lake_yaml(f"{HEAD}    datasets: {{orders: '*.csv'}}\n").effective()
    assert shown["sources"]["drop"]["datasets"]["orders"]["files"] == ["*.csv"]


def test_a_source_wants_its_datasets_and_their_quarantine(lake_yaml):
    source = lake_yaml(f"{HEAD}    datasets: {{orders: '*.csv'}}\n").settings.sources["drop"]
    names = ("datasets.orders", "quarantine.orders", "datasets.people", "public.orders")
    assert [name for name in names if source.wants(TableName.parse(name))] == ["datasets.orders", "quarantine.orders"]


@pytest.mark.parametrize(
    ("share", "part", "whole", "exceeded"),
    [
        (0.1, 10, 100, False),
        (0.1, 11, 100, True),
        (5, 5, 9, False),
        (5, 6, 9, True),
        (0, 1, 9, True),
        (0, 0, 9, False),
        (0.1, 1, 3, False),
        (0.1, 2, 3, True),
        (0.1, 1, 1, True),
    ],
)
def test_a_limit_is_a_count_or_a_share(share, part, whole, exceeded):
    assert Share(share).exceeded(part, whole) is exceeded


@pytest.mark.parametrize(
    ("rest", "code", "line", "message", "hint"),
    [
        ("", "LW-103", 3, "setting sources.drop.datasets is missing", "which files"),
        ("    datasets: {}\n", "LW-104", 6, "sources.drop.datasets: needs at least 1", ""),
        ("    dataset: {}\n", "LW-102", 6, "unknown setting sources.drop.dataset (allowed: kind, path", "mean datasets?"),
        ("    datasets: {o: {fils: x}}\n", "LW-102", 6, "sources.drop.datasets.o.fils (allowed: files", "mean files?"),
        ("    datasets: {o: {files: 5}}\n", "LW-104", 6, "o.files '5': not a pattern", ""),
        ("    datasets: {o: ../x.csv}\n", "LW-104", 6, "leads out of the source's path", ""),
        ("    datasets: {o: {files: x, mode: replace}}\n", "LW-104", 6, "o.mode 'replace': not one of the allowed", ""),
        ("    datasets: {o: {files: x, mode: upsert}}\n", "LW-104", 6, "upsert needs a key", ""),
        ("    datasets: {o: {files: x, key: [id]}}\n", "LW-104", 6, "append keeps every row", ""),
        ("    datasets: {o: {files: x, mode: delta, key: [id]}}\n", "LW-104", 6, "belong together", ""),
        ("    datasets: {o: {files: x, limit: 200%}}\n", "LW-104", 6, "limit '200%': not a number of rows", ""),
        ("    datasets: {o: x}\n    bandwidth: 5\n", "LW-104", 7, "bandwidth '5': not a size", ""),
        ("    datasets: {o: x}\n    every: often\n", "LW-104", 7, "every 'often': not a duration", ""),
    ],
)
def test_every_fault_has_its_line_value_and_help(lake_yaml, tmp_path, rest, code, line, message, hint):
    with pytest.raises(ConfigError) as caught:
        lake_yaml(HEAD + rest)
    assert (caught.value.code, caught.value.where) == (code, f"{tmp_path}/lake.yaml:{line}")
    assert message in caught.value.message
    assert hint.lower() in (caught.value.hint or "").lower()


def test_a_source_of_no_kind_or_another(lake_yaml):
    with pytest.raises(ConfigError, match=r"setting sources\.s\.kind is missing"):
        lake_yaml("lake: a\nsources: {s: {path: x}}\n")
