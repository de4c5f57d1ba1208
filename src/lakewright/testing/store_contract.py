"""What every `Store` must do: each check of `CONTRACT` takes a function that opens the same empty store.

The function is called in other processes too, so it must be picklable, such as ``functools.partial(LocalStore, path)``. Run
them as tests: ``@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)``.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lakewright.errors import AlreadyExists, Changed, NotFound, StorageError
from lakewright.model.contracts import Entry, Store

OpenStore = Callable[[], Store]
Failure = TypeVar("Failure", bound=StorageError)
_RACERS = 4
_ROUNDS = 10


def create_writes_once(open_store: OpenStore) -> None:
    """A created object reads back; a second creation fails and changes nothing."""
    store = open_store()
    store.create("a/b/c.json", b"one")
    _expect(AlreadyExists, lambda: store.create("a/b/c.json", b"two"))
    assert open_store().read("a/b/c.json") == b"one"


def missing_objects_are_not_found(open_store: OpenStore) -> None:
    """Every read of a name without object raises `NotFound`, and deleting it is no error."""
    store = open_store()
    store.create("a/b", b"x")
    for name in ("nothing", "a", "a/b/c", "a/c"):
        _expect(NotFound, functools.partial(store.read, name))
        _expect(NotFound, functools.partial(store.read_tagged, name))
        _expect(NotFound, functools.partial(store.read_range, name, 0, 1))
        assert not store.exists(name)
        store.delete(name)
    assert store.read("a/b") == b"x"


def replace_compares(open_store: OpenStore) -> None:
    """`replace` succeeds with the tag of what is there and with no other, not even with that of an equal earlier version."""
    store = open_store()
    _expect(Changed, lambda: store.replace("lease", b"A", "no such tag"))
    first = store.replace("lease", b"A", None)
    assert store.read_tagged("lease") == (b"A", first)
    _expect(Changed, lambda: store.replace("lease", b"B", None))
    second = store.replace("lease", b"B", first)
    third = store.replace("lease", b"A", second)
    assert len({first, second, third}) == 3
    _expect(Changed, lambda: store.replace("lease", b"C", first))
    store.put("lease", b"A")
    _expect(Changed, lambda: store.replace("lease", b"C", third))
    store.delete("lease")
    _expect(Changed, lambda: store.replace("lease", b"C", third))
    store.replace("lease", b"D", None)
    assert store.read("lease") == b"D"


def put_overwrites(open_store: OpenStore) -> None:
    """`put` writes whether or not the name is taken."""
    store = open_store()
    store.put("a", b"one")
    store.put("a", b"two")
    assert store.read("a") == b"two"


def upload_appears_at_the_end(open_store: OpenStore) -> None:
    """Nothing is seen before the block ends; then all of it is, and a taken name raises `AlreadyExists`."""
    store = open_store()
    with store.upload("a/file") as file:
        file.write(b"one ")
        assert not file.readable() or os.pread(file.fileno(), 9, 0) == b"one "
        assert not store.exists("a/file")
        assert [entry.name for entry in store.list("")] == []
        file.write(b"two")
    assert store.read("a/file") == b"one two"
    _expect(AlreadyExists, lambda: _upload(store, "a/file", b"three"))
    assert store.read("a/file") == b"one two"


def aborted_upload_leaves_nothing(open_store: OpenStore) -> None:
    """After an exception in the block there is no object and no listing entry, and the name is free."""
    store = open_store()
    with contextlib.suppress(ZeroDivisionError), store.upload("a/file") as file:
        file.write(b"x" * 100_000)
        raise ZeroDivisionError
    assert not store.exists("a/file")
    assert [*store.list("")] == []
    _upload(store, "a/file", b"again")
    assert store.read("a/file") == b"again"


def killed_writer_leaves_nothing(open_store: OpenStore) -> None:
    """A process killed in an upload leaves neither an object nor a listing entry, and the name is free."""
    writer = multiprocessing.get_context("spawn").Process(target=_die_uploading, args=(open_store, "a/file"))
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    store = open_store()
    assert not store.exists("a/file")
    assert [*store.list("")] == []
    store.create("a/file", b"x")


def a_resumable_upload_goes_on(open_store: OpenStore) -> None:
    """What an exception or a kill interrupts is kept under name and token, seen by nobody, and complete in the end."""
    store = open_store()
    with contextlib.suppress(ZeroDivisionError), store.upload("a/file", "v1") as file:
        assert file.tell() == 0
        file.write(b"one ")
        raise ZeroDivisionError
    writer = multiprocessing.get_context("spawn").Process(target=_die_resuming, args=(open_store, "a/file", "v1", b"two "))
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    store = open_store()
    assert not store.exists("a/file")
    assert [*store.list("")] == []
    for name, token in (("a/file", "v2"), ("a/other", "v1")):
        with contextlib.suppress(ZeroDivisionError), store.upload(name, token) as file:
            assert file.tell() == 0
            raise ZeroDivisionError
    with store.upload("a/file", "v1") as file:
        assert file.tell() == 8
        file.write(b"three")
    assert store.read("a/file") == b"one two three"
    with contextlib.suppress(AlreadyExists), store.upload("a/file", "v1") as file:
        assert file.tell() == 0


def a_resumable_upload_is_given_up(open_store: OpenStore) -> None:
    """``truncate(0)`` forgets what was written."""
    store = open_store()
    with contextlib.suppress(ZeroDivisionError), store.upload("a", "v1") as file:
        file.write(b"wrong")
        file.truncate(0)
        raise ZeroDivisionError
    with store.upload("a", "v1") as file:
        assert file.tell() == 0
        file.write(b"right")
    assert store.read("a") == b"right"


def two_resumable_uploads_do_not_mix(open_store: OpenStore) -> None:
    """Of two at once with one name and token each is whole or refused."""
    store = open_store()

    def both() -> None:
        with store.upload("a", "v1") as first:
            first.write(b"one ")
            with open_store().upload("a", "v1") as second:
                assert second.tell() == 0
                second.write(b"all")
            assert store.read("a") == b"all"
            first.write(b"two")

    _expect(AlreadyExists, both)
    assert store.read("a") == b"all"


def ranges_are_read(open_store: OpenStore) -> None:
    """`read_range` gives the bytes asked for, fewer at the end of the object, none behind it."""
    store = open_store()
    store.create("a", b"0123456789")
    assert store.read_range("a", 2, 3) == b"234"
    assert store.read_range("a", 8, 9) == b"89"
    assert store.read_range("a", 10, 1) == b""


def lists_are_in_name_order(open_store: OpenStore) -> None:
    """`list` gives names in text order over all folders, with sizes and times; `after` leaves out up to that name.

    What is `known` is not in it where it is not there.
    """
    store = open_store()
    names = ["a-b", "a.txt", "a/a", "a/b/c", "a/b/d", "a/b0", "a0", "ab", "b/_x/1", "b/.hidden", "ä/ö"]
    for name in names:
        store.create(name, name.encode())
    listed = [*store.list("")]
    assert [entry.name for entry in listed] == sorted(names)
    assert all(entry.size == len(entry.name.encode()) for entry in listed)
    assert all(entry.modified.utcoffset() == datetime.timedelta(0) for entry in listed)
    for prefix in ("a", "a/", "a/b", "a/b/", "b/", "zzz", "zzz/y"):
        expected = [name for name in sorted(names) if name.startswith(prefix)]
        assert [entry.name for entry in store.list(prefix)] == expected
        for after in [*names, "", "a/", "a/b/", "zzz"]:
            assert [entry.name for entry in store.list(prefix, after)] == [name for name in expected if name > after]
    known = {entry.name: entry for entry in listed} | {"a/gone": Entry("a/gone", 1, listed[0].modified)}
    assert [*store.list("", None, known)] == listed
    assert [*store.list("a/", "a/a", known)] == [entry for entry in listed if entry.name.startswith("a/b")]


def deleted_objects_are_gone(open_store: OpenStore) -> None:
    """A deleted object is neither read nor listed, and its name is free."""
    store = open_store()
    store.create("a/b", b"x")
    store.delete("a/b")
    assert not store.exists("a/b")
    assert [*store.list("a/")] == []
    store.create("a/b", b"y")


def bad_names_are_refused(open_store: OpenStore) -> None:
    """A name that is absolute, empty, or has an empty part, ``.`` or ``..`` raises `StorageError` wherever it is used."""
    store = open_store()
    for name in ("", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a\0b"):
        _expect(StorageError, functools.partial(store.create, name, b""))
        _expect(StorageError, functools.partial(store.read, name))
        _expect(StorageError, functools.partial(store.location, name))
    _expect(StorageError, lambda: [*store.list("../")])


def one_thread_wins(open_store: OpenStore) -> None:
    """Of threads that create, or replace with one tag, exactly one succeeds, and what it wrote is there."""
    store = open_store()
    with ThreadPoolExecutor(_RACERS) as pool:
        for turn in range(_ROUNDS):
            _judge(store, turn, [*pool.map(functools.partial(_race, store, turn), range(_RACERS))])


def one_process_wins(open_store: OpenStore) -> None:
    """Of processes that create, or replace with one tag, exactly one succeeds, and what it wrote is there."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        runs = pool.starmap(_race_all, [(open_store, racer) for racer in range(2)], chunksize=1)
    for turn in range(_ROUNDS):
        _judge(open_store(), turn, [run[turn] for run in runs])


CONTRACT: list[Callable[[OpenStore], None]] = [
    create_writes_once,
    missing_objects_are_not_found,
    replace_compares,
    put_overwrites,
    upload_appears_at_the_end,
    aborted_upload_leaves_nothing,
    killed_writer_leaves_nothing,
    a_resumable_upload_goes_on,
    a_resumable_upload_is_given_up,
    two_resumable_uploads_do_not_mix,
    ranges_are_read,
    lists_are_in_name_order,
    deleted_objects_are_gone,
    bad_names_are_refused,
    one_thread_wins,
    one_process_wins,
]


def _expect(error: type[Failure], call: Callable[[], object]) -> None:
    try:
        call()
    except error:
        return
    raise AssertionError(f"no {error.__name__} was raised")


def _upload(store: Store, name: str, data: bytes) -> None:
    with store.upload(name) as file:
        file.write(data)


def _die_uploading(open_store: OpenStore, name: str) -> None:
    with open_store().upload(name) as file:
        file.write(b"x" * 100_000)
        os.kill(os.getpid(), signal.SIGKILL)


def _die_resuming(open_store: OpenStore, name: str, resume: str, data: bytes) -> None:
    with open_store().upload(name, resume) as file:
        file.write(data)
        os.kill(os.getpid(), signal.SIGKILL)


def _race(store: Store, turn: int, racer: int) -> tuple[bool, bool]:
    """Whether this racer won the creation, and the replacement, of a turn."""
    created = replaced = True
    try:
        store.create(f"create/{turn}", b"%d" % racer)
    except AlreadyExists:
        created = False
    try:
        store.replace(f"replace/{turn}", b"%d" % racer, None)
    except Changed:
        replaced = False
    return created, replaced


def _race_all(open_store: OpenStore, racer: int) -> list[tuple[bool, bool]]:
    store = open_store()
    return [_race(store, turn, racer) for turn in range(_ROUNDS)]


def _judge(store: Store, turn: int, won: list[tuple[bool, bool]]) -> None:
    for name, winners in (("create", [first for first, _ in won]), ("replace", [second for _, second in won])):
        assert sum(winners) == 1, f"{sum(winners)} racers won {name}/{turn}"
        assert store.read(f"{name}/{turn}") == b"%d" % winners.index(True)
