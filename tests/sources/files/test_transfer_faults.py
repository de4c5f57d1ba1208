"""Folders, files, disks and writers that misbehave: one line each, other files go on, and so does the file once it is mended."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from lakewright.errors import LakewrightError, SourceError, SourceUnreachable, StorageError
from lakewright.model.contracts import Store
from lakewright.sources.files.origin import CHUNK, Folder
from lakewright.sources.files.selection import Selection
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import Fault, FaultyStore
from tests.sources.files.conftest import Exports, names

NOBODY = 65534


def is_told(error: LakewrightError, code: str, name: str) -> bool:
    """One line that names the file, with its code and a hint."""
    return (error.code, repr(name)[1:-1] in error.message, "\n" in error.message, bool(error.hint)) == (code, True, False, True)


# ---- the folder


@pytest.mark.parametrize("instead", [lambda path: None, lambda path: path.write_bytes(b"")])
def test_a_folder_that_is_gone_deletes_nothing(exports: Exports, instead: Callable[[Path], object]) -> None:
    exports.put("customers.csv", b"one")
    exports.look()
    exports.folder.rename(exports.folder.with_name("away"))
    instead(exports.folder)
    with pytest.raises(SourceUnreachable) as caught:
        exports.look(deleted="remove")
    assert is_told(caught.value, "LW-280", str(exports.folder))
    exports.folder.unlink(missing_ok=True)
    exports.folder.with_name("away").rename(exports.folder)
    assert exports.look(deleted="remove") == []
    assert exports.taken() == exports.given()


@pytest.fixture
def open_exports() -> Iterator[Exports]:
    """A folder that every account can reach."""
    folder = Path(tempfile.mkdtemp(prefix="lakewright-test-"))
    folder.chmod(0o777)
    yield Exports(folder)
    shutil.rmtree(folder)


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_that_may_not_be_read_waits_alone(open_exports: Exports) -> None:
    path = open_exports.put("customers-1.csv", b"secret")
    path.chmod(0)
    open_exports.put("customers-2.csv", b"x")
    with as_nobody():
        transfer = open_exports.transfer()
        assert names(transfer.look(threading.Event())) == ["customers-2.csv"]
        assert is_told(transfer.waiting["customers-1.csv"], "LW-281", "customers-1.csv")
        assert is_told(open_exports.transfer().held_back().faults["customers-1.csv"], "LW-281", "customers-1.csv")
    path.chmod(0o644)
    assert names(open_exports.look()) == ["customers-1.csv"]


def test_what_nobody_foresaw_in_the_copy_of_a_file_lets_that_file_wait(exports: Exports) -> None:
    def progress(name: str, done: int, size: int) -> None:
        if name == "customers-1.csv":
            raise KeyError("a value")

    for name in ("customers-1.csv", "customers-2.csv"):
        exports.put(name, b"x")
    transfer = exports.transfer(progress=progress)
    assert names(transfer.look(threading.Event())) == ["customers-2.csv"]
    (error,) = transfer.waiting.values()
    assert (error.code, error.message) == ("LW-901", "unexpected KeyError while customers-1.csv was read")
    assert names(exports.look()) == ["customers-1.csv"]


def test_a_folder_that_may_not_be_listed_deletes_nothing(open_exports: Exports) -> None:
    open_exports.put("orders/1.csv", b"x")
    open_exports.look()
    (open_exports.folder / "orders").chmod(0)
    with as_nobody(), pytest.raises(SourceError) as caught:
        open_exports.look(deleted="remove")
    assert is_told(caught.value, "LW-281", "orders/")
    (open_exports.folder / "orders").chmod(0o755)
    assert open_exports.taken() == open_exports.given()


def test_a_disk_that_fails_is_told() -> None:
    with pytest.raises(SourceError, match="Input/output error") as caught:
        [*Folder("/proc/self").read("mem")]
    assert is_told(caught.value, "LW-283", "mem")


# ---- names


def test_links_are_not_followed(exports: Exports, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "1.csv").write_bytes(b"secret")
    exports.put("orders/real.csv", b"x")
    (exports.folder / "customers.csv").symlink_to(outside / "1.csv")
    (exports.folder / "orders/linked").symlink_to(outside)
    (exports.folder / "orders/round").symlink_to(exports.folder)
    assert names(exports.look()) == ["orders/real.csv"]


def test_a_link_in_the_place_of_a_file_that_was_taken_is_no_file(exports: Exports) -> None:
    exports.put("orders/1.csv", b"x")
    exports.put("customers.csv", b"y")
    assert len(names(exports.look(deleted="remove"))) == 2
    (exports.folder / "orders/1.csv").unlink()
    (exports.folder / "orders/1.csv").symlink_to(exports.folder / "customers.csv")
    assert [(one.name, one.removed) for one in exports.look(deleted="remove")] == [("orders/1.csv", True)]


def test_what_took_the_place_of_a_file_is_not_read(exports: Exports, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "1.csv").write_bytes(b"secret")
    (exports.folder / "link.csv").symlink_to(outside / "1.csv")
    (exports.folder / "orders").symlink_to(outside)
    (exports.folder / "folder.csv").mkdir()
    os.mkfifo(exports.folder / "pipe.csv")
    for name in (
        "link.csv",
        "orders/1.csv",
        "folder.csv",
        "pipe.csv",
        "none.csv",
        "../outside/1.csv",
        "a//b",
        str(outside / "1.csv"),
    ):
        with pytest.raises(SourceError) as caught:
            [*Folder(exports.folder).read(name)]
        assert is_told(caught.value, "LW-282", name)


def test_a_folder_named_like_a_file_is_a_folder(exports: Exports) -> None:
    exports.put("customers.csv/inner.csv", b"x")
    transfer = exports.transfer()
    assert transfer.look(threading.Event()) == []
    assert transfer.unmatched == 1


@pytest.mark.parametrize(
    "name",
    [
        "a\nb.csv",
        "100%.csv",
        "%2e%2e.csv",
        "ä/ö ü.csv",
        "日本.csv",
        "\udcff.csv",
        "a[1]*?.csv",
        "'\"\\.csv",
        "é" * 127,
        "_x",
        "-",
    ],
)
def test_any_name_is_taken(exports: Exports, name: str) -> None:
    exports.put(name, b"x")
    (arrival,) = exports.transfer(selections=[Selection("all", ("**",))]).look(threading.Event())
    assert (arrival.name, exports.taken()) == (name, {name: b"x"})
    assert exports.look() == []


def test_a_file_of_two_datasets_waits_alone(exports: Exports) -> None:
    exports.put("customers.csv", b"x")
    exports.put("orders/1.csv", b"x")
    transfer = exports.transfer(selections=[Selection("a", ("*.csv",)), Selection("b", ("**",))])
    assert names(transfer.look(threading.Event())) == ["orders/1.csv"]
    assert is_told(transfer.waiting["customers.csv"], "LW-284", "customers.csv")
    assert "a, b" in transfer.waiting["customers.csv"].message


# ---- a writer at work


def append(path: Path) -> None:
    """Go on writing."""
    with open(path, "ab") as file:
        file.write(b"more")


def cut(path: Path) -> None:
    """Start anew."""
    path.write_bytes(b"")


def overwrite(path: Path) -> None:
    """Change a byte, and put the old time back."""
    seen = path.stat()
    with open(path, "r+b") as file:
        file.write(b"x")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def exchange(path: Path) -> None:
    """Put another file of the same size and time in its place."""
    other = path.with_name(".other")
    other.write_bytes(os.urandom(path.stat().st_size))
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.rename(path)


def remove(path: Path) -> None:
    """Take it away."""
    path.unlink()


@pytest.mark.parametrize("change", [append, cut, overwrite, exchange, remove])
def test_a_file_that_changes_while_it_is_read_is_not_taken(exports: Exports, change: Callable[[Path], None]) -> None:
    path = exports.put("customers-1.csv", os.urandom(CHUNK * 2))
    exports.put("customers-2.csv", b"x", age=1)
    changes = iter([change])

    def progress(name: str, done: int, size: int) -> None:
        for once in changes if name == path.name else ():
            once(path)

    transfer = exports.transfer(progress=progress)
    assert names(transfer.look(threading.Event())) == ["customers-2.csv"]
    assert is_told(transfer.waiting[path.name], "LW-282", path.name)
    assert [*(exports.lake / ".lakewright/store").glob("resumable-*")] == []
    transfer.look(threading.Event())
    assert (transfer.waiting, exports.taken()) == ({}, exports.given())
    assert [entry.name for entry in exports.store.list("raw/csv/customers/")] == sorted(a.stored for a in exports.arrivals())


# ---- the lake's disk


class Damaging(FaultyStore):
    """A store whose disk turns a bit of what is uploaded, for the first `times` uploads of files."""

    def __init__(self, store: Store, times: int) -> None:
        super().__init__(store)
        self.times = times

    @contextlib.contextmanager
    def upload(self, name: str, resume: str | None = None) -> Iterator[BinaryIO]:
        with super().upload(name, resume) as file:
            if resume and self.times:
                self.times -= 1
                write = file.write
                file.write = lambda data: write(bytes([data[0] ^ 1, *data[1:]]))  # type: ignore[method-assign]
            yield file


def test_a_copy_that_does_not_read_back_is_not_registered(exports: Exports) -> None:
    exports.put("customers.csv", b"one")
    store = Damaging(exports.store, 1)
    with pytest.raises(StorageError) as caught:
        exports.look(store)
    assert (caught.value.code, bool(caught.value.hint)) == ("LW-285", True)
    assert [*exports.store.list("raw/")] == []
    assert names(exports.look(store)) == ["customers.csv"]
    assert exports.taken() == exports.given()


def test_what_becomes_the_object_is_read_back_while_it_is_written(exports: Exports) -> None:
    exports.put("customers.csv", os.urandom(CHUNK * 2))
    store = FaultyStore(exports.store)
    assert names(exports.look(store)) == ["customers.csv"]
    assert not [call for call in store.calls if call.startswith("read_range")]
    assert exports.taken() == exports.given()


class Sending(FaultyStore):
    """A store that sends what is uploaded when that is complete, and turns a bit of what it sends first."""

    is_first = True

    @contextlib.contextmanager
    def upload(self, name: str, resume: str | None = None) -> Iterator[BinaryIO]:
        with super().upload(name) as target:
            if not resume:
                yield target
                return
            with tempfile.TemporaryFile() as file:
                file.readable = lambda: False  # type: ignore[method-assign]
                yield cast(BinaryIO, file)
                file.seek(0)
                data = bytearray(file.read())
                data[-1] ^= self.is_first
                self.is_first = False
                target.write(data)


def test_what_is_sent_in_the_end_is_read_back_then(exports: Exports) -> None:
    exports.put("customers.csv", os.urandom(CHUNK + 1))
    store = Sending(exports.store)
    with pytest.raises(StorageError) as caught:
        exports.look(store)
    assert caught.value.code == "LW-285"
    assert names(exports.look(store)) == ["customers.csv"]
    assert exports.taken() == exports.given()


@pytest.mark.parametrize("verify", ["none", "only_files_transferred"])
def test_an_object_with_other_bytes_in_the_way_is_left_alone(exports: Exports, verify: str) -> None:
    exports.put("customers.csv", b"one")
    with pytest.raises(StorageError, match="injected"):
        exports.look(FaultyStore(exports.store, Fault("create", "die")))
    (other,) = (entry.name for entry in exports.store.list("raw/"))
    (exports.lake / other).write_bytes(b"two")
    (arrival,) = exports.look(verify=verify)
    assert (arrival.stored != other, exports.store.read(other)) == (True, b"two")
    assert exports.taken() == exports.given()


def test_without_verification_nothing_is_read_back(exports: Exports) -> None:
    exports.put("customers.csv", b"one")
    store = FaultyStore(exports.store)
    exports.look(store, verify="none")
    assert not [call for call in store.calls if call.startswith("read_range")]


@pytest.mark.parametrize("verify", ["none", "only_files_transferred"])
def test_a_resumed_part_that_a_power_cut_damaged_is_noticed(exports: Exports, verify: str) -> None:
    exports.put("customers.csv", os.urandom(CHUNK * 2))
    stop = threading.Event()
    exports.transfer(progress=lambda *_: stop.set()).look(stop)
    (part,) = (exports.lake / ".lakewright/store").glob("resumable-*")
    part.write_bytes(bytes(part.stat().st_size))
    assert names(exports.look(verify=verify)) == ["customers.csv"]
    assert exports.taken() == exports.given()
    assert len([*exports.store.list("raw/csv/customers/")]) == 1


def test_a_full_disk(exports: Exports) -> None:
    exports.lake.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={CHUNK * 2}", "tmpfs", exports.lake]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a disk")
    try:
        exports.store = LocalStore(exports.lake)
        exports.put("customers-1.csv", b"x" * CHUNK)
        exports.look()  # alone: of two that are copied at once, either may find the disk full
        exports.put("customers-2.csv", b"x" * (CHUNK + CHUNK // 2), age=1)
        with pytest.raises(StorageError) as caught:
            exports.look()
        assert (caught.value.code, bool(caught.value.hint)) == ("LW-304", True)
        assert names(exports.arrivals()) == ["customers-1.csv"]
        free = os.statvfs(exports.lake)
        assert free.f_bavail * free.f_frsize > CHUNK // 2  # nothing of the file fills the disk
        subprocess.run(["mount", "-o", f"remount,size={CHUNK * 8}", exports.lake], check=True)
        exports.look()
        assert exports.taken() == exports.given()
    finally:
        subprocess.run(["umount", "-l", exports.lake], check=True)
