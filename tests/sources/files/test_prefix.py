"""An origin on S3: what it takes, and what happens to objects while they are read."""

from __future__ import annotations

import datetime
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.retries.standard
import pytest

from lakewright.errors import SourceError, SourceUnreachable
from lakewright.sources.files.copying import Progress
from lakewright.sources.files.origin import CHUNK, Origin, OriginFile, SourceChanged
from lakewright.sources.files.prefix import Prefix
from lakewright.storage import s3_requests
from tests import s3
from tests.s3 import Fault
from tests.sources.files.conftest import Exports, names
from tests.sources.files.test_transfer_faults import is_told


class Bucket(Exports):
    """A prefix of a bucket that others write into, and a lake on disk that takes what is in it."""

    def __init__(self, root: Path, proxy: s3.Proxy) -> None:
        super().__init__(root)
        self.proxy, self.prefix = proxy, uuid.uuid4().hex
        self.client: Any = boto3.client("s3", endpoint_url=proxy.endpoint)
        self.origin = Prefix(f"s3://{s3.BUCKET}/{self.prefix}", endpoint=proxy.endpoint)

    def write(self, name: str, data: bytes, **settings: str) -> None:
        self.client.put_object(Bucket=s3.BUCKET, Key=f"{self.prefix}/{name}", Body=data, **settings)

    def remove(self, name: str) -> None:
        self.client.delete_object(Bucket=s3.BUCKET, Key=f"{self.prefix}/{name}")

    def made(self) -> Origin:
        return self.origin

    def given(self) -> dict[str, bytes]:
        return {file.name: b"".join(self.origin.read(file.name)) for file in self.origin.files() if file.is_regular}


@pytest.fixture(scope="module")
def server() -> Iterator[s3.Proxy]:
    with pytest.MonkeyPatch.context() as patch, s3.moto() as proxy:
        for name, value in s3.CREDENTIALS.items():
            patch.setenv(name, value)
        patch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda *_: 0.0)
        patch.setattr(s3_requests, "_PAUSE", 0.0)
        s3.make_bucket(proxy.endpoint)
        yield proxy


@pytest.fixture
def bucket(tmp_path: Path, server: s3.Proxy) -> Bucket:
    server.faults.clear()
    return Bucket(tmp_path, server)


def test_objects_are_files_and_what_stands_for_a_folder_is_none(bucket: Bucket) -> None:
    bucket.write("", b"")
    assert bucket.look() == []
    bucket.write("orders/", b"")
    bucket.write("orders/2026/1.csv", b"first")
    bucket.write("customers.csv", b"")
    assert sorted(names(bucket.look())) == ["customers.csv", "orders/2026/1.csv"]
    assert bucket.look() == []
    assert bucket.taken() == bucket.given() == {"customers.csv": b"", "orders/2026/1.csv": b"first"}
    bucket.write("orders/2026/1.csv", b"other")
    assert names(bucket.look(verify="point_in_time_consistent")) == ["orders/2026/1.csv"]
    bucket.remove("customers.csv")
    assert [(arrival.name, arrival.removed) for arrival in bucket.look(deleted="remove")] == [("customers.csv", True)]


@pytest.mark.parametrize("size", [CHUNK - 1, CHUNK, CHUNK + 1])
def test_a_long_object_is_read_in_chunks(bucket: Bucket, size: int) -> None:
    data = os.urandom(size)
    bucket.write("customers.csv", data)
    chunks = [*bucket.origin.read("customers.csv")]
    assert (b"".join(chunks), max(map(len, chunks))) == (data, min(size, CHUNK))


def test_what_is_looked_at_is_what_was_listed(bucket: Bucket) -> None:
    bucket.write("customers.csv", b"one")
    bucket.write("folder/", b"x")
    (file, folder) = bucket.origin.files()
    assert bucket.origin.look(file.name) == file == OriginFile("customers.csv", 3, file.modified, file.version)
    assert (folder.name, folder.is_regular, bucket.origin.look("folder/")) == ("folder/", False, None)
    assert bucket.origin.look("other.csv") is None
    bucket.write("customers.csv", b"two")
    assert bucket.origin.look(file.name) != file


@pytest.mark.parametrize(
    ("noted", "seconds"),
    [
        ("1700000000000000000ns", 1_700_000_000),
        ("1700000000000", 1_700_000_000),
        ("9" * 19, None),
        ("yesterday", None),
        ("-1", None),
    ],
)
def test_the_time_that_was_noted_of_a_file_counts_where_it_is_one(bucket: Bucket, noted: str, seconds: int | None) -> None:
    bucket.client.put_object(Bucket=s3.BUCKET, Key=f"{bucket.prefix}/a.csv", Body=b"x", Metadata={"file-mtime": noted})
    (file,) = bucket.origin.files()
    assert bucket.origin.written(file) == (
        file.modified if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    )


@pytest.mark.parametrize("name", ["orders/a b+c%20.csv", "orders//1.csv", "orders/ä?&=#.csv", "orders/\\x.csv"])
def test_any_key_is_taken(bucket: Bucket, name: str) -> None:
    bucket.write(name, b"x")
    assert names(bucket.look()) == [name]
    assert bucket.taken() == {name: b"x"}


def test_content_under_the_name_of_a_folder_waits_alone(bucket: Bucket) -> None:
    bucket.write("orders/1/", b"x")
    bucket.write("orders/2", b"x")
    transfer = bucket.transfer()
    assert names(transfer.look(threading.Event())) == ["orders/2"]
    assert is_told(transfer.waiting["orders/1/"], "LW-294", "orders/1/")


# ---- an object changes


def append(bucket: Bucket, name: str, data: bytes) -> None:
    bucket.write(name, data + b"more")


def replace(bucket: Bucket, name: str, data: bytes) -> None:
    bucket.write(name, data[::-1])


def remove(bucket: Bucket, name: str, data: bytes) -> None:
    bucket.remove(name)


@pytest.mark.parametrize("chunks", [1, 2])
@pytest.mark.parametrize("change", [append, replace, remove])
def test_an_object_that_changes_while_it_is_read_is_not_taken(bucket: Bucket, change: Callable[..., None], chunks: int) -> None:
    name, data = "customers-1.csv", os.urandom(CHUNK * chunks)
    bucket.write(name, data)
    bucket.write("customers-2.csv", b"x")
    changes = iter([change])

    def progress(read: str, done: int, size: int) -> None:
        for once in changes if read == name else ():
            once(bucket, name, data)

    told: Progress = progress
    transfer = bucket.transfer(progress=told)
    assert names(transfer.look(threading.Event())) == ["customers-2.csv"]
    assert is_told(transfer.waiting[name], "LW-282", name)
    transfer.look(threading.Event())
    assert (transfer.waiting, bucket.taken()) == ({}, bucket.given())


def test_one_reading_is_of_one_version(bucket: Bucket) -> None:
    bucket.write("customers.csv", bytes(CHUNK * 2))
    chunks = bucket.origin.read("customers.csv")
    assert next(chunks) == bytes(CHUNK)
    bucket.write("customers.csv", b"1" * CHUNK * 2)
    with pytest.raises(SourceChanged):
        next(chunks)


# ---- what keeps it from being read


def test_a_prefix_without_an_object_and_a_missing_bucket_delete_nothing(bucket: Bucket) -> None:
    bucket.write("customers.csv", b"one")
    bucket.look()
    bucket.remove("customers.csv")
    with pytest.raises(SourceUnreachable) as caught:
        bucket.look(deleted="remove")
    assert is_told(caught.value, "LW-280", f"s3://{s3.BUCKET}/{bucket.prefix}/")
    with pytest.raises(SourceUnreachable) as caught:
        Prefix("s3://no-such-bucket/x", endpoint=bucket.proxy.endpoint).files()
    assert is_told(caught.value, "LW-280", "no-such-bucket")
    assert [arrival.removed for arrival in bucket.arrivals()] == [False]


@pytest.mark.parametrize(
    ("answer", "status", "code", "said", "helps"),
    [
        ("AccessDenied", 403, "LW-281", "access denied (AccessDenied)", "s3:ListBucket on the bucket and s3:GetObject"),
        ("ExpiredToken", 400, "LW-281", "the AWS credentials have expired", "aws sts get-caller-identity"),
        ("PermanentRedirect", 301, "LW-281", "is in another region", "s3.region"),
        ("SlowDown", 503, "LW-283", "could not answer (SlowDown)", "wait"),
    ],
)
def test_a_listing_that_is_refused_is_told(bucket: Bucket, answer: str, status: int, code: str, said: str, helps: str) -> None:
    bucket.write("customers.csv", b"one")
    bucket.proxy.faults.append(Fault("GET .*list-type", "answer", answer, status, times=100))
    with pytest.raises(SourceError) as caught:
        bucket.look()
    assert is_told(caught.value, code, f"s3://{s3.BUCKET}/{bucket.prefix}/")
    assert (said in caught.value.message, helps in str(caught.value.hint)) == (True, True)


def test_objects_that_are_archived_or_refused_wait_alone(bucket: Bucket) -> None:
    bucket.write("customers-1.csv", b"one", StorageClass="GLACIER")
    bucket.write("customers-2.csv", b"two")
    bucket.write("customers-3.csv", b"three")
    bucket.proxy.faults.append(Fault("GET .*customers-2", "answer", "AccessDenied", 403))
    transfer = bucket.transfer()
    assert names(transfer.look(threading.Event())) == ["customers-3.csv"]
    first, second = (transfer.waiting[f"customers-{number}.csv"] for number in (1, 2))
    assert is_told(first, "LW-281", "customers-1.csv")
    assert "archived in Glacier" in first.message
    assert f"restore-object --bucket {s3.BUCKET} --key {bucket.prefix}/customers-1.csv" in str(first.hint)
    assert is_told(second, "LW-281", "customers-2.csv")
    assert {name: error.message for name, error in transfer.held_back().faults.items()} == {"customers-1.csv": first.message}
    assert names(transfer.look(threading.Event())) == ["customers-2.csv"]


def test_an_answer_that_was_cut_is_asked_for_again(bucket: Bucket) -> None:
    bucket.write("customers.csv", b"one")
    bucket.proxy.faults.append(Fault("GET .*customers", "cut"))
    assert names(bucket.look()) == ["customers.csv"]
    assert bucket.taken() == bucket.given()
