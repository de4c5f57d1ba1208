"""A lake whose zones are on S3: the whole path, kills, and what an endpoint's faults make of each command."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator

import boto3
import botocore.retries.standard
import pytest

from lakewright.storage import s3_requests
from tests import s3
from tests.faults.conftest import LAKE, VALUE, Shop
from tests.s3 import Fault

ALL_EQUAL = {"orders": "equal", "parts": "equal"}
ZONES = """\
zones: {{raw: s3://lake/shop/raw, curated: s3://lake/shop/curated}}
s3: {{endpoint: "{endpoint}", region: us-east-1}}
"""


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3.Proxy]:
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda *_: 0.0)
    monkeypatch.setattr(s3_requests, "_PAUSE", 0.0)
    with s3.moto() as proxy:
        s3.make_bucket(proxy.endpoint)
        yield proxy


@pytest.fixture
def remote(shop: Shop, proxy: s3.Proxy) -> Shop:
    """The shop with its raw and curated zones in a bucket."""
    (shop.folder / "lake.yaml").write_text(LAKE + ZONES.format(endpoint=proxy.endpoint))
    return shop


def keys(proxy: s3.Proxy) -> list[str]:
    pages = boto3.client("s3", endpoint_url=proxy.endpoint).get_paginator("list_objects_v2").paginate(Bucket=s3.BUCKET)
    return [found["Key"] for page in pages for found in page.get("Contents", ())]


def change(shop: Shop) -> None:
    shop.sql(f"UPDATE orders SET name = '{VALUE} again' WHERE id < 6")
    shop.sql("DELETE FROM parts WHERE id = 1")
    shop.sql(f"INSERT INTO parts VALUES (3, '{VALUE}')")


def test_every_command_works_with_zones_on_s3(remote: Shop, proxy: s3.Proxy) -> None:
    def ids(*options: str) -> list[int]:
        return [row["id"] for row in remote.ok("sql", "SELECT id FROM parts ORDER BY id", "--json", *options).json]

    remote.ok("run")
    loaded = remote.ok("history", "parts", "--json").json["commits"][-1]["instant"]
    assert [kept["instant"] for kept in remote.ok("savepoint", "parts", "--json").json["savepoints"]] == [loaded]
    change(remote)
    remote.ok("capture")
    assert (ids(), ids("--committed")) == ([2, 3], [1, 2])
    counted = "SELECT (SELECT count(*) FROM raw.parts) AS raw, (SELECT count(*) FROM curated.parts) AS curated, sum(price) AS s"
    assert remote.ok("sql", f"{counted} FROM orders", "--json").json == [{"raw": 4, "curated": 2, "s": "52.50"}]
    remote.ok("hold", "parts", "--", "true")
    remote.ok("merge", "parts")
    assert len(remote.ok("history", "parts", "--key", "2", "--json").json) == 1
    differs = remote.ok("diff", "parts", "--from", loaded, "--json").json
    assert (differs["added"], differs["removed"], differs["changed"]) == (1, 1, 0)

    remote.ok("rollback", "parts", "--yes")
    remote.ok("restore", "parts", "--to", loaded, "--yes")
    assert ids() == [1, 2]
    remote.ok("resume", "parts")
    boto3.client("s3", endpoint_url=proxy.endpoint).delete_object(
        Bucket=s3.BUCKET, Key="shop/curated/parts/.hoodie_partition_metadata"
    )
    assert remote.run("verify", "parts").code == 3
    assert "mended" in remote.ok("repair", "parts", "--yes").err
    remote.ok("savepoint", "parts", loaded, "--remove")

    with (remote.folder / "lake.yaml").open("a") as settings:
        settings.write("tables: {orders: {from: shop.public.orders, type: mor, partition: name, compact_after: 1}}\n")
    remote.ok("apply")
    remote.sql("UPDATE orders SET price = 0 WHERE id < 3")
    remote.ok("resync", "parts")
    assert remote.equal() == ALL_EQUAL
    assert any(re.fullmatch("shop/curated/orders-1-.*/name=.*/[.].*[.]log.*", key) for key in keys(proxy))
    assert "compacted" in remote.ok("maintain").out
    assert remote.ok("verify").out.splitlines() == ["ok    orders: 2 files, 20 rows", "ok    parts: 1 file, 2 rows"]
    assert {key.split("/")[1] for key in keys(proxy)} == {"raw", "curated"}
    assert not [path for zone in ("raw", "curated") for path in (remote.folder / zone).glob("**/*")]
    assert not [*(remote.folder / ".lakewright" / "uploads").iterdir()]


def test_rejected_rows_of_files_are_corrected_in_a_lake_on_s3(shop: Shop, proxy: s3.Proxy) -> None:
    client = boto3.client("s3", endpoint_url=proxy.endpoint)

    def put(name: str, text: str) -> None:
        client.put_object(Bucket=s3.BUCKET, Key=f"exports/{name}", Body=text)

    dataset = "{files: '*.csv', mode: upsert, key: [id], limit: 50%}"
    drop = f"{{kind: files, path: s3://lake/exports, settle: 1ms, datasets: {{people: {dataset}}}}}"
    zones = ZONES.format(endpoint=proxy.endpoint).replace(
        "raw:", "quarantine: s3://lake/shop/bad, logs: s3://lake/shop/logs, raw:"
    )
    (shop.folder / "lake.yaml").write_text(f"lake: shop\nsources:\n  drop: {drop}\n{zones}")
    gone = shop.fails("run")
    assert (gone.code, gone.message) == ("LW-280", "there is nothing at 's3://lake/exports/'")
    put("people1.csv", "id,born\n1,1990-12-31\n2,1990-12-30\n")
    shop.ok("run")
    put("people2.csv", "id,born\n3,1990-12-29\n4,never\n")
    shop.ok("run")
    (rejected,) = shop.ok("quarantine", "show", "people", "--json").json
    assert (rejected["_line"], rejected["value"]) == (3, "never")
    corrected = shop.folder / "corrected.csv"
    shop.ok("quarantine", "export", "people", corrected)
    corrected.write_text(corrected.read_text(encoding="utf-8-sig").replace("never", "1990-12-28"))
    shop.ok("quarantine", "replay", "people", corrected)
    assert shop.equal() == {"people": "equal", "quarantine_people": "equal"}
    assert {"/".join(key.split("/")[1:3]) for key in keys(proxy) if key.startswith("shop/")} >= {
        *("raw/csv", "raw/files", "curated/people", "bad/quarantine_people", "logs/files")
    }
    assert not [path for zone in ("raw", "curated", "quarantine", "logs") for path in (shop.folder / zone).glob("**/*")]
    assert not [*(shop.folder / ".lakewright" / "tmp").glob("arrival-*")]
    (copied,) = (key for key in keys(proxy) if key.endswith("people1.csv") and "/csv/people/" in key)
    place = {"Bucket": s3.BUCKET, "Key": copied}
    client.put_object(**place, Body="id,born\n5,1990-12-31\n")
    assert "people1.csv is damaged: not what arrival 1 says" in shop.run("check", "--json").out
    client.delete_object(**place)
    assert "people1.csv is missing: not what arrival 1 says" in shop.run("check", "--json").out


def test_the_doctor_tells_what_is_wrong_with_a_zone(remote: Shop, proxy: s3.Proxy) -> None:
    def zones() -> dict[str, tuple[bool, str]]:
        findings = remote.run("doctor", "--json").json["findings"]
        return {found["name"]: (found["ok"], found["detail"]) for found in findings if found["name"].startswith("zone")}

    assert zones() == {f"zone {zone}": (True, f"s3://lake/shop/{zone}") for zone in ("raw", "curated")}
    for header, name in (("if-none-match", "IfNoneMatch"), ("if-match", "IfMatch")):
        proxy.ignored = {header}
        detail = f"s3://lake/shop/raw/: the server ignores {name}, which keeps two writers apart (LW-317)"
        assert zones()["zone raw"] == (False, detail)
    proxy.ignored = set()
    proxy.faults.append(Fault("PUT", "answer", "AccessDenied", 403, times=10**6))
    assert "access denied (AccessDenied) (LW-312)" in zones()["zone curated"][1]
    assert keys(proxy) == []


@pytest.mark.crash
def test_up_streams_to_s3_and_goes_on_after_an_outage_and_a_kill(remote: Shop, proxy: s3.Proxy) -> None:
    with remote.up() as up:
        up.until_merged("parts")
        proxy.faults.append(Fault("PUT .*/raw/.*/orders/", "answer", "SlowDown", times=s3_requests.ATTEMPTS))
        change(remote)
        up.until(lambda event: event["kind"] == "retry" and event["error"]["code"] == "LW-316")
        up.until_merged("parts")
        up.process.kill()
    remote.sql(f"UPDATE parts SET name = '{VALUE} 3'")
    with remote.up() as up:
        up.until_merged("parts")
        assert up.stop(signal.SIGINT)[0] in (0, 130)
    assert remote.equal() == ALL_EQUAL


@pytest.mark.crash
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("", "answer", "SlowDown", 503), "LW-316"),
        (Fault("", "answer", "ExpiredToken", 400), "LW-313"),
    ],
    ids=lambda value: value.code or value.action if isinstance(value, Fault) else "",
)
def test_a_fault_of_s3_is_one_line_and_loses_nothing(remote: Shop, proxy: s3.Proxy, fault: Fault, code: str) -> None:
    remote.ok("run")
    change(remote)
    for request in ("PUT|POST", "GET"):
        fault.request, fault.times = request, 10**6
        proxy.faults[:] = [fault]
        for command in (("capture",), ("merge",), ("sql", "SELECT * FROM orders")):
            if request == "GET" or command == ("capture",):
                assert remote.fails(*command).code == code
        proxy.faults.clear()
    assert remote.equal() == ALL_EQUAL


@pytest.mark.crash
def test_a_file_of_a_table_that_s3_cannot_give_is_told(remote: Shop, proxy: s3.Proxy) -> None:
    remote.ok("run")
    proxy.faults[:] = [Fault(r"GET .*\.parquet", "answer", "SlowDown", times=10**6)]
    assert remote.fails("sql", "SELECT * FROM orders").code == "LW-316"
    proxy.faults[:] = [Fault(r"GET .*\.parquet", "cut", times=2)]
    assert remote.ok("sql", "SELECT count(*) AS n FROM orders", "--json").json == [{"n": 20}]
    client = boto3.client("s3", endpoint_url=proxy.endpoint)
    (key,) = [key for key in keys(proxy) if key.startswith("shop/curated/orders/") and key.endswith(".parquet")]
    content = client.get_object(Bucket=s3.BUCKET, Key=key)["Body"].read()
    change(remote)
    remote.ok("capture")
    client.put_object(Bucket=s3.BUCKET, Key=key, Body=b"PAR1 cut")
    for command in (("sql", "SELECT sum(price) FROM orders"), ("merge", "orders")):
        told = remote.fails(*command)
        assert (told.code, f"s3://{s3.BUCKET}/{key}" in told.message) == ("LW-405", True)
    client.delete_object(Bucket=s3.BUCKET, Key=key)
    for command in (("sql", "SELECT sum(price) FROM orders"), ("merge", "orders")):
        told = remote.fails(*command)
        assert (told.code, f"s3://{s3.BUCKET}/{key}" in told.message) == ("LW-417", True)
    client.put_object(Bucket=s3.BUCKET, Key=key, Body=content)
    assert remote.equal() == ALL_EQUAL


def test_without_the_extra_a_zone_on_s3_says_what_to_install(remote: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("lakewright.storage.s3", "lakewright.storage.s3_requests"):
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "boto3", None)
    told = remote.fails("status")
    assert (told.code, told.hint) == ("LW-801", "pip install lakewright[aws]")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("zones: {raw: s3://, curated: c}", "not s3://bucket or s3://bucket/prefix"),
        ("zones: {raw: s3://lake/../x}", "not s3://bucket or s3://bucket/prefix"),
        ("zones: {raw: s3://lake/x, curated: s3://lake/x/y}", "the same folder as zone raw, or one inside the other"),
        ("zones: {raw: s3://lake/x, curated: raw}", "the same folder as zone raw, or one inside the other"),
        ("  drop: {kind: files, path: 's3://x', datasets: {a: a}}", "not s3://bucket or s3://bucket/prefix"),
        ("s3: {endpoint: 'http://me:pw-secret-7@host'}", "not http://host:port or https://host:port"),
    ],
)
def test_settings_that_name_no_place_are_refused(shop: Shop, line: str, said: str) -> None:
    (shop.folder / "lake.yaml").write_text(f"{LAKE}{line}\n")
    told = shop.fails("status")
    assert said in told.message
    assert "lake.yaml" in str(told.where)
