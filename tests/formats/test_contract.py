"""Copy-on-write and merge-on-read tables against the contract of tables, on a local store and on S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hudi_subject import Hudi
from tests import s3

from lakewright.model.position import Feed, Position
from lakewright.model.table import COW, MOR, Checkpoint, TableSpec
from lakewright.storage.local import LocalStore
from lakewright.testing.table_contract import CONTRACT, any_sequence_gives_the_models_rows, commits_carry_checkpoints
from lakewright.testing.table_model import Subject

IN_BRIEF = commits_carry_checkpoints
"""The check that `make test` runs on S3 too."""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """moto's S3 with an empty bucket."""
    with pytest.MonkeyPatch.context() as patch, s3.moto() as proxy:
        for name, value in s3.CREDENTIALS.items():
            patch.setenv(name, value)
        s3.make_bucket(proxy.endpoint)
        yield proxy.endpoint


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("kind", [COW, MOR])
@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_contract(check: Callable[[Subject], None], kind: str, tmp_path: Path) -> None:
    check(Hudi(LocalStore(tmp_path), kind))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("kind", [COW, MOR])
@pytest.mark.parametrize(
    "check", [pytest.param(c, marks=() if c is IN_BRIEF else pytest.mark.crash, id=c.__name__) for c in CONTRACT]
)
def test_contract_on_s3(check: Callable[[Subject], None], kind: str, endpoint: str, tmp_path: Path) -> None:
    check(Hudi(s3.open_store(endpoint, str(tmp_path / "partials"), f"{kind}/{check.__name__}"), kind))


@pytest.mark.crash
@pytest.mark.parametrize("kind", [COW, MOR])
@pytest.mark.parametrize("seed", range(100, 140))
def test_any_sequence(seed: int, kind: str, tmp_path: Path) -> None:
    any_sequence_gives_the_models_rows(Hudi(LocalStore(tmp_path), kind), seed, 30)


@pytest.mark.parametrize("name", ["v", "file_row_number", "FILENAME", "File_Index"])
def test_rows_of_logs_take_the_place_of_those_that_they_change(name: str, tmp_path: Path) -> None:
    """In three base files, of which the first has no log and the others have rows at the same places."""
    columns = (("id", "int"), ("part", "string"), (name, "bigint"), ("_position", "string"))
    spec = TableSpec("things", columns, ("id",), ("part",), type=MOR)
    subject = Hudi(LocalStore(tmp_path), MOR)
    table = subject.create(spec)

    def rows(ids: Sequence[int], value: int) -> pa.Table:
        return pa.table([[*ids], [str(n % 3) for n in ids], [value for _ in ids], ["1" for _ in ids]], schema=spec.arrow())

    with table.write() as write:
        write.replace(spec, iter(rows(range(6), 0).to_batches()))
        write.commit(Checkpoint(Feed("native", "1", 1), 1, Position(1)))
    with table.write() as write:
        write.upsert(rows([1, 4], 7), pa.table([[2]], schema=pa.schema([spec.arrow().field("id")])))
        write.commit(Checkpoint(Feed("native", "1", 1), 1, Position(2)))
    snapshot = table.snapshot()
    assert snapshot is not None
    assert (len(snapshot.files), len(snapshot.logs)) == (3, 2)
    assert sorted((row["id"], row[name]) for row in subject.rows(snapshot)) == [(0, 0), (1, 7), (3, 0), (4, 7), (5, 0)]
