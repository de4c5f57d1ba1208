from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from lakewright.model.contracts import Store
from lakewright.storage.local import LocalStore
from lakewright.storage.mounted import MountedStore
from lakewright.testing.store_contract import CONTRACT, OpenStore


def open_mounted(folder: Path) -> Store:
    """A store with two of the contract's folders in stores of their own."""
    return MountedStore(LocalStore(folder / "base"), {"a": LocalStore(folder / "a"), "replace": LocalStore(folder / "replace")})


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_contract(check: Callable[[OpenStore], None], tmp_path: Path) -> None:
    check(functools.partial(open_mounted, tmp_path))


def test_a_name_is_found_where_its_folder_lies(tmp_path: Path) -> None:
    LocalStore(tmp_path / "base").create("a/hidden", b"")
    store = open_mounted(tmp_path)
    store.create("a/b/c", b"")
    store.create("b/c", b"")
    assert store.location("a/b/c") == str(tmp_path / "a" / "b" / "c")
    assert store.location("b/c") == str(tmp_path / "base" / "b" / "c")
    assert [entry.name for entry in store.list("")] == ["a/b/c", "b/c"]
