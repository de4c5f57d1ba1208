"""Base files as DuckDB reads them: those alone that a filter on partition columns leaves."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from hudi_world import BY_REGION, World, bare_paths, row

from lakewright.pipeline import scan

REGIONS = ("north", "south", "east", "a b", "50%25", "1e3", "NULL", "null", "__HIVE_DEFAULT_PARTITION__", "", None)


def _read(world: World, where: str) -> tuple[list[tuple[int, str | None]], str]:
    """What a filter leaves, and DuckDB's plan of it."""
    snapshot = world.open().snapshot()
    assert snapshot is not None
    text = f"SELECT id, region FROM ({scan.snapshot_sql(snapshot, scan.Selection(snapshot.spec))}) WHERE {where} ORDER BY id"
    with duckdb.connect() as connection:
        ((_, plan),) = connection.execute(f"EXPLAIN {text}").fetchall()
        return connection.execute(text).fetchall(), plan


def _world(root: Path, regions: tuple[str | None, ...] = REGIONS) -> World:
    world = World(root, BY_REGION)
    world.replace([row(number, region=region) for number, region in enumerate(regions)])
    return world


def test_a_filter_on_a_partition_column_opens_no_other_files(tmp_path: Path) -> None:
    found, plan = _read(_world(tmp_path), "region = 'south'")
    assert found == [(1, "south")]
    assert re.search(r"Scanning Files: 1/6\b", plan)  # of the six whose folders are their values


@pytest.mark.parametrize("region", [region for region in REGIONS if region is not None])
def test_every_value_is_found(tmp_path: Path, region: str) -> None:
    literal = region.replace("'", "''")
    assert _read(_world(tmp_path), f"region = '{literal}'")[0] == [(REGIONS.index(region), region)]


def test_rows_without_a_filter_have_their_own_values(tmp_path: Path) -> None:
    assert _read(_world(tmp_path), "true")[0] == [*enumerate(REGIONS)]
    assert _read(_world(tmp_path / "2"), "region IS NULL")[0] == [(len(REGIONS) - 1, None)]


def test_a_folder_above_the_table_tells_no_column(tmp_path: Path) -> None:
    world = _world(tmp_path / "region=east" / "id=7", ("north", "south"))
    assert _read(world, "region = 'south'")[0] == [(1, "south")]
    assert _read(world, "true")[0] == [(0, "north"), (1, "south")]


def test_bare_values_tell_no_column(tmp_path: Path) -> None:
    world = World(tmp_path, BY_REGION)
    world.open()
    bare_paths(world)
    world.replace([row(number, region=region) for number, region in enumerate(("north", "south"))])
    assert _read(world, "region = 'south'")[0] == [(1, "south")]
