from __future__ import annotations

import contextlib
import functools
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakewright.errors import AlreadyExists, StorageError
from lakewright.storage.local import LocalStore
from lakewright.testing.store_contract import CONTRACT, OpenStore

# Runs a write in one child process per system call that it makes, each killed just before its call; prints how many there were.
KILL_AT_EACH_CALL = """
import os, signal, sys
from pathlib import Path
from lakewright.storage.local import LocalStore
folder, write, before = Path(sys.argv[1]), sys.argv[2], sys.argv[3].encode()
real = {name: getattr(os, name) for name in ("open", "fsync", "link", "rename", "unlink", "utime", "mkdir")}
def child(fatal):
    store, calls = LocalStore(folder / str(fatal)), []
    def counted(name):
        def call(*args, **kwargs):
            calls.append(name)
            if len(calls) == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return real[name](*args, **kwargs)
        return call
    for name in real:
        setattr(os, name, counted(name))
    exec(write)
fatal, status = 0, 1
while status:
    fatal += 1
    if before:
        LocalStore(folder / str(fatal)).create("d/object", before)
    pid = os.fork()
    if not pid:
        child(fatal)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert status in (0, signal.SIGKILL), status
print(fatal)
"""


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_contract(check: Callable[[OpenStore], None], tmp_path: Path) -> None:
    check(functools.partial(LocalStore, tmp_path / "store"))


@pytest.mark.parametrize(
    ("write", "before"),
    [
        ("store.create('d/object', b'after')", ""),
        ("store.put('d/object', b'after')", "before"),
        ("store.replace('d/object', b'after', store.read_tagged('d/object')[1])", "before"),
    ],
)
def test_a_kill_at_any_system_call_leaves_the_old_or_the_new_object(tmp_path: Path, write: str, before: str) -> None:
    run = subprocess.run([sys.executable, "-c", KILL_AT_EACH_CALL, tmp_path, write, before], capture_output=True, check=True)
    calls, seen = int(run.stdout), set()
    assert calls > 5
    for call in range(1, calls + 1):
        store = LocalStore(tmp_path / str(call))
        listed = [entry.name for entry in store.list("")]
        assert listed in ([], ["d/object"])
        seen.add(store.read("d/object").decode() if listed else "")
        assert {path.name for path in (tmp_path / str(call) / ".lakewright/store").glob("*")} <= {"lock"}
    assert store.read("d/object") == b"after"
    assert seen == {before, "after"}


def test_a_kill_at_any_system_call_of_a_resumable_upload_leaves_nothing_that_reaches_the_object(tmp_path: Path) -> None:
    write = "with store.upload('d/object', 'v1') as file: file.write(b'after')"
    run = subprocess.run([sys.executable, "-c", KILL_AT_EACH_CALL, tmp_path, write, ""], capture_output=True, check=True)
    seen = set()
    for call in range(1, int(run.stdout) + 1):
        store = LocalStore(tmp_path / str(call))
        whole = store.exists("d/object")
        with contextlib.suppress(AlreadyExists), store.upload("d/object", "v1") as file:
            seen.add((whole, file.tell()))
            file.truncate(0)
            file.seek(0)
            file.write(b"again")
        assert store.read("d/object") == (b"after" if whole else b"again")
        assert {path.name for path in (tmp_path / str(call) / ".lakewright/store").glob("*")} == set()
    assert seen == {(False, 0), (False, 5), (True, 0)}


def test_a_part_that_nobody_came_back_for_is_removed_after_a_week(tmp_path: Path) -> None:
    for age, kept in ((6, 1), (8, 0)):
        with contextlib.suppress(ZeroDivisionError), LocalStore(tmp_path).upload("a", "v1") as file:
            file.write(b"x")
            raise ZeroDivisionError
        (part,) = (tmp_path / ".lakewright/store").iterdir()
        os.utime(part, (time.time() - age * 86400,) * 2)
        with LocalStore(tmp_path).upload("a", "v1") as file:
            assert file.tell() == kept
        LocalStore(tmp_path).delete("a")
        (tmp_path / ".lakewright/store/lock").unlink()


def test_a_living_writers_file_is_not_taken_for_a_leftover(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with store.upload("a") as file:
        file.write(b"x")
        LocalStore(tmp_path)
    assert store.read("a") == b"x"


def test_a_directory_removed_under_the_store_is_made_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.create("a/b/c", b"1")
    (tmp_path / "a/b/c").unlink()
    (tmp_path / "a/b").rmdir()
    store.create("a/b/c", b"2")
    assert store.read("a/b/c") == b"2"


def test_an_object_that_another_deletes_at_once_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other, link = LocalStore(tmp_path), LocalStore(tmp_path), os.link

    def linked(source: Path, path: Path) -> None:
        link(source, path)
        other.delete("signs/of/mine")

    monkeypatch.setattr(os, "link", linked)
    store.create("signs/of/mine", b"1")
    assert not (tmp_path / "signs").exists()


def test_a_directory_that_goes_while_it_is_made_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, mkdir = LocalStore(tmp_path), os.mkdir

    def refused(path: Path, *rest: object) -> None:
        mkdir(path, *rest)  # another made it first, and takes it away at once
        if Path(path).name == "signs" and monkeypatch.setattr(os, "mkdir", mkdir) is None:
            os.rmdir(path)
            raise FileExistsError(17, "File exists", str(path))

    monkeypatch.setattr(os, "mkdir", refused)
    store.create("signs/mine", b"1")
    assert store.read("signs/mine") == b"1"


def test_the_stores_own_folder_is_no_place_for_objects(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.create("a", b"")
    with pytest.raises(StorageError, match="is not a name"):
        store.create(".lakewright/store/x", b"")
    assert [entry.name for entry in store.list(".lakewright")] == []


def test_a_tag_grows_when_the_clock_goes_backwards(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    first = store.replace("a", b"same", None)
    ahead = (tmp_path / "a").stat().st_mtime_ns + 10**12
    os.utime(tmp_path / "a", ns=(ahead, ahead))
    second = store.read_tagged("a")[1]
    third = store.replace("a", b"same", second)
    assert len({first, second, third}) == 3
    assert (tmp_path / "a").stat().st_mtime_ns == ahead + 1


def test_pyarrow_writes_through_an_upload(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    table = pa.table({"n": range(1000)})
    with store.upload("t.parquet") as file, pq.ParquetWriter(file, table.schema) as writer:
        writer.write_table(table)
    assert pq.read_table(store.location("t.parquet")).equals(table)
    with pytest.raises(AlreadyExists), store.upload("t.parquet") as file:
        file.write(b"")


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    table = pa.table({"noise": [os.urandom(1000) for _ in range(10)]})
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.raises(StorageError, match="no space left on the disk that holds big") as caught:
            store.create("big", b"x" * 5000)
        assert caught.value.code == "LW-304"
        with pytest.raises(StorageError, match=r"no space left on the disk that holds t\.parquet"):
            with store.upload("t.parquet") as file, pq.ParquetWriter(file, table.schema) as writer:
                writer.write_table(table)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [*store.list("")] == []
    assert {path.name for path in (tmp_path / ".lakewright/store").iterdir()} <= {"lock"}


def test_a_folder_that_was_removed_when_empty_comes_back(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    store.create("a/b/one", b"1")
    store.delete("a/b/one")
    assert not (tmp_path / "store" / "a").exists()
    store.create("a/c/two", b"2")  # its parent is remembered as made, and is gone
    assert store.read("a/c/two") == b"2"
