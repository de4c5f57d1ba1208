"""Disks that are full or read-only, and files that are damaged, missing or not ours. After mending, the lake goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lakewright.model import sealed
from tests.faults.conftest import LAKE, VALUE, Shop

ALL_EQUAL = {"orders": "equal", "parts": "equal"}
ROOT = os.geteuid() == 0


def cut(path: Path) -> None:
    """Cut a file in half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def remove(path: Path) -> None:
    """Remove a file."""
    path.unlink()


def change(shop: Shop) -> None:
    """Commit something in the source."""
    shop.sql(f"UPDATE orders SET name = '{VALUE} again' WHERE id < 6")
    shop.sql("DELETE FROM parts WHERE id = 1")


# ---- the raw log


@pytest.mark.parametrize(("damage", "code"), [(cut, "LW-358"), (remove, "LW-357")])
@pytest.mark.parametrize("command", [("merge",), ("sql", "SELECT * FROM orders"), ("history", "orders", "--key", "1")])
def test_a_damaged_raw_file(loaded: Shop, damage: Callable[[Path], None], code: str, command: tuple[str, ...]) -> None:
    change(loaded)
    loaded.ok("capture")
    (path,) = loaded.files("raw/database/shop/public/orders/2*/**/*.parquet")
    before = path.read_bytes()
    damage(path)
    told = loaded.fails(*command)
    assert (told.code, path.name in told.message) == (code, True)
    assert "`lakewright resync public.orders`" in (told.hint or "") or command[0] == "sql"
    # The other table goes on, and so does this one with its file, or with a new load.
    assert loaded.ok("sql", "SELECT count(*) AS n FROM parts", "--json").json == [{"n": 1}]
    assert loaded.ok("merge", "parts").code == 0
    if command == ("merge",):
        loaded.ok("resync", "orders")
    else:
        path.write_bytes(before)
    assert loaded.equal() == ALL_EQUAL


def test_no_changed_byte_of_a_raw_file_is_merged(loaded: Shop) -> None:
    change(loaded)
    loaded.ok("capture")
    (path,) = loaded.files("raw/database/shop/public/orders/2*/**/*.parquet")
    before = path.read_bytes()
    at = before.index(f"{VALUE} again".encode())
    path.write_bytes(before[:at] + b"X" + before[at + 1 :])
    assert path.name in loaded.fails("merge").message
    path.write_bytes(before)
    assert loaded.equal() == ALL_EQUAL


def test_check_tells_of_a_damaged_raw_file_and_compares_the_rest(loaded: Shop) -> None:
    change(loaded)
    loaded.ok("capture")
    (path,) = loaded.files("raw/database/shop/public/orders/2*/**/*.parquet")
    cut(path)
    ran = loaded.run("check", "--source", "--json")
    verdicts = {table["table"]: table for table in ran.json["reports"][0]["tables"]}
    assert (ran.code, verdicts["orders"]["verdict"], verdicts["parts"]["verdict"]) == (3, "error", "equal")
    assert ("LW-358" in verdicts["orders"]["detail"], path.name in verdicts["orders"]["detail"]) == (True, True)


def flip(path: Path) -> None:
    """Let a manifest end before it starts."""
    fields = sealed.load(path.read_bytes())
    path.write_bytes(sealed.dump({**fields, "start": "FFFFFFFFFFFFFFFF.0000000000"}))


@pytest.mark.parametrize(("damage", "code"), [(cut, "LW-354"), (flip, "LW-354"), (remove, "LW-355")])
def test_a_damaged_manifest(loaded: Shop, damage: Callable[[Path], None], code: str) -> None:
    change(loaded)
    loaded.ok("run")
    path = loaded.files("raw/database/shop/_manifests/*.json")[1]
    before = path.read_bytes()
    damage(path)
    for command in (("run",), ("sql", "SELECT * FROM orders"), ("check", "--source")):
        told = loaded.fails(*command)
        assert (told.code, path.name in told.message, "backup" in (told.hint or "")) == (code, True, True)
    (source,) = loaded.ok("status", "--json").json["sources"]
    assert (path.name in source["problem"], code in source["problem"]) == (True, True)
    path.write_bytes(before)
    change(loaded)
    assert loaded.equal() == ALL_EQUAL


@pytest.mark.parametrize("damage", [cut, remove])
def test_a_damaged_schema_stops_its_table_until_a_resync(loaded: Shop, damage: Callable[[Path], None]) -> None:
    damage(loaded.files("raw/database/shop/_schemas/public/orders/*.json")[0])
    change(loaded)
    told = loaded.fails("run")
    assert (told.code, "orders" in told.message, "resync public.orders" in (told.hint or "")) == ("LW-356", True, True)
    assert loaded.tables()["parts"]["rows"] == 1
    loaded.ok("resync", "orders")
    change(loaded)
    assert loaded.equal() == ALL_EQUAL


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT * FROM sales", "LW-356"),
        ("SELECT * FROM raw.sales", "LW-356"),
        ("DESCRIBE sales", "LW-356"),
        ("SELECT 'sales of public.orders' AS title FROM prats", "LW-503"),
        ("SELECT count(*) AS orders FROM shop.sales", "LW-503"),
        ("SELECT count(*) AS orders FROM parts", None),
    ],
)
def test_a_damaged_schema_is_told_to_who_asks_for_its_table(loaded: Shop, statement: str, code: str | None) -> None:
    (loaded.folder / "lake.yaml").write_text(LAKE + "tables: {sales: {from: shop.public.orders}}\n")
    remove(loaded.files("raw/database/shop/_schemas/public/orders/*.json")[0])
    if code is None:
        loaded.ok("sql", statement)
    else:
        assert loaded.fails("sql", statement).code == code


# ---- tables


def of_version_8(folder: Path) -> None:
    """As an engine of Hudi 1.x leaves a table."""
    path = folder / ".hoodie/hoodie.properties"
    path.write_text(path.read_text().replace("hoodie.table.version=6", "hoodie.table.version=8"))


def without_checksum(folder: Path) -> None:
    """Damage the properties."""
    path = folder / ".hoodie/hoodie.properties"
    path.write_text(path.read_text().replace("hoodie.table.checksum=", "hoodie.table.checksum=1"))


def no_hudi(folder: Path) -> None:
    """Leave data without a timeline."""
    (folder / ".hoodie/hoodie.properties").unlink()


def empty_commit(folder: Path) -> None:
    """Lose the content of a commit."""
    max(folder.glob(".hoodie/*.*commit")).write_bytes(b"")


def cut_base_file(folder: Path) -> None:
    """Lose half of the rows."""
    cut(next(iter(folder.glob("*.parquet"))))


def delete_base_file(folder: Path) -> None:
    """Lose the rows as a whole."""
    next(iter(folder.glob("*.parquet"))).unlink()


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (of_version_8, "LW-402"),
        (without_checksum, "LW-403"),
        (no_hudi, "LW-401"),
        (empty_commit, "LW-404"),
        (cut_base_file, "LW-405"),
        (delete_base_file, "LW-417"),
    ],
)
def test_a_damaged_table_stands_alone(loaded: Shop, tmp_path: Path, damage: Callable[[Path], None], code: str) -> None:
    folder, backup = loaded.folder / "curated/orders", tmp_path / "backup"
    subprocess.run(["cp", "-a", folder, backup], check=True)
    damage(folder)
    change(loaded)
    loaded.ok("capture")
    told = loaded.fails("merge")
    assert (told.code, "curated/orders" in told.message, bool(told.hint)) == (code, True, True)
    for options in ([], ["--committed"]):
        told = loaded.fails("sql", "SELECT * FROM orders", *options)
        assert told.code == code
    # The other table was merged, and status tells of both.
    assert loaded.tables()["parts"]["state"] == "idle"
    assert loaded.tables()["parts"]["rows"] == 1
    assert code in loaded.tables()["orders"]["problem"]
    ran = loaded.run("check", "--source", "--json")
    verdicts = {table["table"]: table for table in ran.json["reports"][0]["tables"]}
    assert (ran.code, verdicts["parts"]["verdict"], code in verdicts["orders"]["detail"]) == (3, "equal", True)
    ran = loaded.run("verify", "--json")
    flaws = {table["table"]: table["flaws"] for table in ran.json["tables"]}
    assert (ran.code, flaws["parts"], flaws["orders"] != []) == (3, [], True)
    subprocess.run(["rm", "-rf", folder], check=True)
    subprocess.run(["cp", "-a", backup, folder], check=True)
    assert loaded.equal() == ALL_EQUAL
    assert loaded.ok("verify").out.splitlines() == ["ok    orders: 1 file, 20 rows", "ok    parts: 1 file, 1 row"]


def test_a_resync_brings_back_the_rows_of_a_lost_file(loaded: Shop) -> None:
    delete_base_file(loaded.folder / "curated/orders")
    for command in (("sql", "SELECT * FROM orders"), ("merge",), ("merge", "orders")):
        told = loaded.fails(*command)
        assert (told.code, "lakewright resync orders" in str(told.hint)) == ("LW-417", True)
    ran = loaded.run("verify", "orders")
    assert (ran.code, ran.out.splitlines()[0]) == (3, "FAULT orders: 0 files, 0 rows")
    assert "lakewright resync orders" in ran.out.splitlines()[2]
    assert "LW-602" in ran.err
    loaded.ok("resync", "orders")
    assert loaded.equal() == ALL_EQUAL


def test_so_does_one_where_the_lost_file_was_to_be_compacted(shop: Shop) -> None:
    (shop.folder / "lake.yaml").write_text(
        f"{LAKE}tables: {{orders: {{from: shop.public.orders, type: mor, compact_after: 1}}}}\n"
    )
    shop.ok("run")
    change(shop)
    shop.ok("run")
    delete_base_file(shop.folder / "curated/orders")
    assert shop.fails("merge", "orders").code == "LW-417"
    shop.ok("resync", "orders")
    assert shop.equal() == ALL_EQUAL


def test_a_table_whose_folder_is_gone_is_made_anew(loaded: Shop) -> None:
    subprocess.run(["rm", "-rf", loaded.folder / "curated/orders"], check=True)
    change(loaded)
    assert loaded.equal() == ALL_EQUAL


# ---- disks


@pytest.fixture
def small(shop: Shop) -> Iterator[Callable[[str], Path]]:
    """Make a folder of the lake a disk of a few megabytes."""
    mounted: list[Path] = []

    def mount(name: str) -> Path:
        folder = shop.folder / name
        folder.mkdir(exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], check=False, capture_output=True)
        if done.returncode:
            pytest.skip("only root may mount a disk")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk(shop: Shop, small: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    shop.folder = small("lake")
    (shop.folder / "lake.yaml").write_text((shop.folder.parent / "lake.yaml").read_text())
    shop.ok("run")
    filler = shop.folder / "filler"
    # Full at once: nothing of the raw log can be written.
    fill(filler, 0)
    change(shop)
    told = shop.fails("capture")
    assert (told.code, bool(told.hint)) == ("LW-304", True)
    filler.unlink()
    # Full during the load of a new table.
    shop.sql("CREATE TABLE big AS SELECT g AS id, md5(g::text) AS a, md5((-g)::text) AS b FROM generate_series(1, 40000) g")
    shop.sql("ALTER TABLE big ADD PRIMARY KEY (id)")
    fill(filler, 1 << 20)
    assert shop.fails("capture").code == "LW-304"
    filler.unlink()
    shop.ok("capture")
    # Full during the merge into a table.
    fill(filler, 1 << 19)
    told = shop.fails("merge")
    assert (told.code, "big" in told.message) == ("LW-304", True)
    filler.unlink()
    shop.sql("DELETE FROM big WHERE id % 2 = 0")
    shop.sql("VACUUM big")
    assert shop.equal() == {**ALL_EQUAL, "big": "equal"}


def fill(path: Path, leave: int) -> None:
    """Fill the disk but for so many bytes."""
    free = os.statvfs(path.parent)
    path.write_bytes(b"x" * max(0, free.f_bavail * free.f_frsize - leave))


def test_a_read_only_folder(loaded: Shop) -> None:
    change(loaded)
    mount = ["mount", "--bind", loaded.folder, loaded.folder]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a folder")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", loaded.folder], check=True)
        for command in ("run", "resync"):
            told = loaded.fails(command)
            assert (told.code, bool(told.hint)) == ("LW-305", True)
    finally:
        subprocess.run(["umount", "-l", loaded.folder], check=True)
    assert loaded.equal() == ALL_EQUAL
