"""`S3Store` as any store, and at a server's and a network's faults."""

from __future__ import annotations

import datetime
import os
import pickle
import socket
import uuid
from collections.abc import Callable
from pathlib import Path

import boto3
import botocore.retries.standard
import pytest
from tests import s3
from tests.s3 import Fault

from lakewright.errors import AlreadyExists, Changed, Retry, StorageError, StorageUnreachable
from lakewright.storage import s3 as s3_module
from lakewright.storage import s3_requests
from lakewright.storage.s3 import S3Store
from lakewright.testing.store_contract import CONTRACT, OpenStore

MANY = 999


@pytest.fixture
def store(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """A store that repeats without a pause."""
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda *_: 0.0)
    monkeypatch.setattr(s3_requests, "_PAUSE", 0.0)
    made = opened()
    assert isinstance(made, S3Store)
    return made


def uploaded(store: S3Store, name: str, data: bytes) -> None:
    with store.upload(name) as file:
        file.write(data)


@pytest.mark.parametrize("s3_server", ["moto", pytest.param("ministack", marks=pytest.mark.crash)], indirect=True)
@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_contract(check: Callable[[OpenStore], None], opened: OpenStore) -> None:
    check(opened)


# ---- answers that are lost -------------------------------------------------------------------------------------------------


def test_a_creation_whose_answer_was_lost_is_ours(store: S3Store, proxy: s3.Proxy) -> None:
    proxy.faults.append(Fault("PUT .*/a$", "lose"))
    store.create("a", b"mine")
    assert store.read("a") == b"mine"
    assert [request[:3] for request in proxy.requests] == ["PUT", "PUT", "HEA", "GET"]  # the second one was refused
    with pytest.raises(AlreadyExists):
        store.create("a", b"mine")


def test_the_object_of_another_writer_is_not_taken_for_ours(opened: OpenStore, store: S3Store, proxy: s3.Proxy) -> None:
    opened().create("a", b"same")
    proxy.faults.append(Fault("PUT .*/a$", "drop"))
    with pytest.raises(AlreadyExists) as caught:
        store.create("a", b"same")
    assert (caught.value.code, caught.value.message) == (
        "LW-302",
        f"{store.location('a')} exists already, and a name is written once",
    )


def test_a_replacement_whose_answer_was_lost_is_ours(store: S3Store, proxy: s3.Proxy) -> None:
    first = store.replace("a", b"one", None)
    proxy.faults.append(Fault("PUT .*/a$", "lose"))
    second = store.replace("a", b"two", first)
    assert store.read_tagged("a") == (b"two", second)
    with pytest.raises(Changed):
        store.replace("a", b"three", first)


def test_a_large_upload_whose_last_answer_was_lost_is_ours(
    store: S3Store, proxy: s3.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_module, "PART_BYTES", 5 << 20)
    data = os.urandom(6 << 20)
    proxy.faults.append(Fault("POST .*uploadId=", "lose"))
    uploaded(store, "a", data)
    assert store.read("a") == data


# ---- large objects -------------------------------------------------------------------------------------------------------


def test_a_large_upload_goes_in_parts(store: S3Store, proxy: s3.Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_module, "PART_BYTES", 5 << 20)
    data = os.urandom(11 << 20)
    proxy.faults += [Fault("PUT .*partNumber=2", "answer", "SlowDown"), Fault("PUT .*partNumber=3", "lose")]
    uploaded(store, "a", data)
    assert {part for part in "123" for request in proxy.requests if f"partNumber={part}" in request} == {"1", "2", "3"}
    assert store.read_range("a", (5 << 20) - 10, 20) == data[(5 << 20) - 10 : (5 << 20) + 10]
    assert store.read("a") == data
    with pytest.raises(AlreadyExists):
        uploaded(store, "a", data)
    client = boto3.client("s3", endpoint_url=proxy.endpoint)
    assert "Uploads" not in client.list_multipart_uploads(Bucket=s3.BUCKET)


def test_a_conflict_at_the_end_of_a_large_upload_sends_it_again(
    store: S3Store, proxy: s3.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_module, "PART_BYTES", 5 << 20)
    data = os.urandom(6 << 20)
    proxy.faults.append(Fault("POST .*uploadId=", "answer", "ConditionalRequestConflict", 409))
    uploaded(store, "a", data)
    assert store.read("a") == data
    assert sum("uploads" in request for request in proxy.requests if request.startswith("POST")) == 2


def test_parts_that_a_dead_writer_left_are_removed_in_time(
    store: S3Store, proxy: s3.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = boto3.client("s3", endpoint_url=proxy.endpoint)
    key = store.location("left").removeprefix(f"s3://{s3.BUCKET}/")
    client.create_multipart_upload(Bucket=s3.BUCKET, Key=key)
    monkeypatch.setattr(s3_module, "PART_BYTES", 5 << 20)
    for kept, there in ((datetime.timedelta(days=36500), True), (datetime.timedelta(seconds=-60), False)):
        monkeypatch.setattr(s3_module, "_KEPT", kept)
        uploaded(store, uuid.uuid4().hex, bytes(6 << 20))
        listed = client.list_multipart_uploads(Bucket=s3.BUCKET).get("Uploads", [])
        assert (key in [upload["Key"] for upload in listed]) == there


def test_what_could_not_be_sent_is_sent_when_the_upload_is_resumed(store: S3Store, proxy: s3.Proxy) -> None:
    proxy.faults.append(Fault("PUT", "answer", "ServiceUnavailable", times=s3_requests.ATTEMPTS))
    with pytest.raises(StorageUnreachable), store.upload("a", "v1") as file:
        file.write(b"whole")
    with store.upload("a", "v1") as file:
        assert file.tell() == 5
    assert store.read("a") == b"whole"


# ---- faults that pass ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault("", "answer", "SlowDown", times=2),
        Fault("", "answer", "InternalError", 500, times=2),
        Fault("", "drop", times=2),
        Fault("GET", "cut", times=2),
        Fault("PUT|DELETE", "answer", "ConditionalRequestConflict", 409, times=2),
    ],
    ids=lambda fault: f"{fault.action}{fault.code}",
)
def test_a_fault_that_passes_is_not_noticed(store: S3Store, proxy: s3.Proxy, fault: Fault) -> None:
    def struck() -> None:
        fault.times = 2
        proxy.faults[:] = [fault]

    struck()
    store.create("a/1", b"one")
    struck()
    tag = store.replace("a/2", b"two", None)
    struck()
    tag = store.replace("a/2", b"three", tag)
    struck()
    assert store.read_tagged("a/2") == (b"three", tag)
    struck()
    assert store.read_range("a/2", 1, 3) == b"hre"
    struck()
    assert [entry.name for entry in store.list("a/")] == ["a/1", "a/2"]
    struck()
    uploaded(store, "a/3", b"x")
    struck()
    store.delete("a/1")
    struck()
    assert not store.exists("a/1")


def test_a_listing_of_many_pages_is_whole(
    store: S3Store, s3_server: s3.Proxy, proxy: s3.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"a/{number:02}" for number in range(25)]
    for name in names:
        store.create(name, b"")
    send = store._requests.pages
    monkeypatch.setattr(store._requests, "pages", lambda operation, **more: send(operation, MaxKeys=7, **more))
    proxy.requests.clear()
    proxy.faults.append(Fault("continuation-token", "cut", times=2))
    assert [entry.name for entry in store.list("a/", after="a/03")] == names[4:]
    assert len(proxy.requests) == 3 + 2


# ---- faults that stay ----------------------------------------------------------------------------------------------------

CALLS: list[Callable[[S3Store], object]] = [
    lambda store: store.create("b", b"x"),
    lambda store: store.put("b", b"x"),
    lambda store: store.replace("b", b"x", None),
    lambda store: store.read("a"),
    lambda store: store.read_range("a", 0, 1),
    lambda store: [*store.list("")],
    lambda store: store.delete("a"),
    lambda store: uploaded(store, "b", b"x"),
]


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (Fault("", "answer", "NoSuchBucket", 404), "LW-311", "there is no bucket lake"),
        (Fault("", "answer", "AccessDenied", 403), "LW-312", "access denied (AccessDenied)"),
        (Fault("", "answer", "InvalidAccessKeyId", 403), "LW-312", "access denied (InvalidAccessKeyId)"),
        (Fault("", "answer", "SignatureDoesNotMatch", 403), "LW-312", "access denied (SignatureDoesNotMatch)"),
        (Fault("", "answer", "ExpiredToken", 400), "LW-313", "the AWS credentials have expired (ExpiredToken)"),
        (Fault("", "answer", "RequestTimeTooSkewed", 403), "LW-314", "this machine's clock is too far from the server's"),
        (Fault("", "answer", "IllegalLocationConstraintException", 400), "LW-315", "bucket lake is in another region"),
        (Fault("", "answer", "SlowDown", 503), "LW-316", "the server could not answer (SlowDown), 5 times"),
        (Fault("", "answer", "InternalError", 500), "LW-316", "the server could not answer (InternalError), 5 times"),
        (Fault("", "drop"), "LW-316", "no answer, or half of one (ConnectionClosedError), 5 times"),
        (Fault("", "answer", "KMS.DisabledException", 400), "LW-317", "was refused (KMS.DisabledException)"),
    ],
    ids=lambda value: f"{value.action}{value.code}" if isinstance(value, Fault) else "",
)
def test_a_fault_that_stays_is_one_line(store: S3Store, proxy: s3.Proxy, fault: Fault, code: str, said: str) -> None:
    store.create("a", b"x")
    fault.times = MANY
    proxy.faults.append(fault)
    for call in CALLS:
        before = len(proxy.requests)
        with pytest.raises(StorageError) as caught:
            call(store)
        assert caught.value.code == code
        assert said in caught.value.message
        assert caught.value.hint
        assert (caught.value.retry is Retry.SOON) == (code == "LW-316")
        text = f"{caught.value.message} {caught.value.hint}"
        assert "\n" not in text
        assert "AKIA" not in text
        assert s3.CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in text
        assert 1 <= len(proxy.requests) - before <= s3_requests.ATTEMPTS


def test_a_body_that_is_always_cut_is_an_error(store: S3Store, proxy: s3.Proxy) -> None:
    store.create("a", b"12345678")
    proxy.faults.append(Fault("GET", "cut", times=MANY))
    with pytest.raises(StorageUnreachable, match="half of one"):
        store.read("a")
    assert len(proxy.requests) == 1 + s3_requests.ATTEMPTS


def test_a_conflict_that_does_not_end_is_an_error(store: S3Store, proxy: s3.Proxy) -> None:
    proxy.faults.append(Fault("PUT", "answer", "ConditionalRequestConflict", 409, times=MANY))
    with pytest.raises(StorageUnreachable, match="other writes were under way"):
        store.create("a", b"x")
    assert len(proxy.requests) == s3_requests.ATTEMPTS


def test_an_endpoint_that_does_not_answer_is_named(store: S3Store, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(StorageUnreachable, match="EndpointConnectionError") as caught:
        s3.open_store(endpoint, str(tmp_path), "x").create("a", b"x")
    assert caught.value.code == "LW-316"


def test_missing_credentials_and_profiles_are_told(proxy: s3.Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in s3.CREDENTIALS:
        monkeypatch.delenv(name)
    for name, value in {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    s3_requests._client.cache_clear()
    with pytest.raises(StorageError, match="NoCredentialsError") as caught:
        s3.open_store(proxy.endpoint, str(tmp_path), "x").create("a", b"x")
    assert caught.value.code == "LW-313"
    s3_requests._client.cache_clear()
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(StorageError, match="ProfileNotFound") as caught:
        s3.open_store(proxy.endpoint, str(tmp_path), "x")
    assert caught.value.code == "LW-313"
    s3_requests._client.cache_clear()


def test_a_server_that_lists_out_of_order_is_refused(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create("a", b"")
    store.create("b", b"")
    send = store._requests.pages
    backwards = lambda operation, **more: ({"Contents": page["Contents"][::-1]} for page in send(operation, **more))  # noqa: E731
    monkeypatch.setattr(store._requests, "pages", backwards)
    with pytest.raises(StorageError, match="out of order"):
        [*store.list("")]


def test_objects_that_stand_for_folders_are_not_listed(store: S3Store, proxy: s3.Proxy) -> None:
    store.create("a/b", b"")
    key = store.location("a/b").removeprefix(f"s3://{s3.BUCKET}/")[:-1]
    boto3.client("s3", endpoint_url=proxy.endpoint).put_object(Bucket=s3.BUCKET, Key=key)
    assert [entry.name for entry in store.list("a")] == ["a/b"]


def test_a_store_goes_to_another_process_as_what_it_was_made_of(opened: OpenStore) -> None:
    store = opened()
    store.create("a", b"1")
    assert pickle.loads(pickle.dumps(store)).read("a") == b"1"
