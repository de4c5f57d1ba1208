"""S3 in tests: the servers of moto and of MiniStack, and a proxy before them that makes faults."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import http.client
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import boto3
from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.models import s3_backends
from werkzeug.test import Client

from lakewright.storage.s3 import S3Store

BUCKET = "lake"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "not-to-be-printed", "AWS_REGION": "us-east-1"}


@dataclasses.dataclass
class Fault:
    """What happens to the next `times` requests that the pattern `request` matches, such as ``PUT /lake/a``.

    ``drop`` ends the connection before the server hears of it, ``lose`` after it did, ``cut`` in the middle of the answer's body;
    ``answer`` is an error of S3's with `code` in the server's place.
    """

    request: str
    action: Literal["drop", "lose", "cut", "answer"]
    code: str = ""
    status: int = 503
    times: int = 1


Headers = list[tuple[str, str]]
Backend = Callable[[str, str, dict[str, str], bytes], tuple[int, Headers, bytes]]
"""What answers a request of a method, a path, headers and a body: with a status, headers and a body."""


class Proxy:
    """A server before another one, which strikes each `Fault` of ``faults``; ``requests`` are those that it saw.

    Headers of requests that are in ``ignored``, in small letters, do not reach the server. Listings show objects ``age`` older.

    Requests go on one by one: moto looks and writes in two steps.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.ignored: set[str] = set()
        self.age = datetime.timedelta(0)
        self.guard = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def strike(self, request: str) -> Fault | None:
        """The fault of a request, which is counted."""
        with self.guard:
            self.requests.append(request)
            for fault in self.faults:
                if fault.times and re.search(fault.request, request):
                    fault.times -= 1
                    return fault
        return None

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:  # of a client that was killed
        pass


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_expect_100(self) -> bool:
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.proxy.strike(f"{self.command} {self.path}")
        action = fault.action if fault else ""
        if action == "drop":
            self.close_connection = True
            return
        if fault and action == "answer":
            text = f"<Error><Code>{fault.code}</Code><Message>AKIAEXAMPLE</Message></Error>".encode()
            self._answer(fault.status, [("Content-Type", "application/xml")], b"" if self.command == "HEAD" else text)
            return
        status, headers, answer = self._forwarded(body)
        if self.proxy.age and "list-type=2" in self.path:
            answer = re.sub(rb"(?<=<LastModified>)[^<]+", self._aged, answer)
        if action == "lose":
            self.close_connection = True
        else:
            self._answer(status, headers, answer, cut=action == "cut")

    def _aged(self, time: re.Match[bytes]) -> bytes:
        return (datetime.datetime.fromisoformat(time[0].decode()) - self.proxy.age).isoformat().encode()

    def _forwarded(self, body: bytes) -> tuple[int, Headers, bytes]:
        hidden = {"expect", "connection"} | self.proxy.ignored
        headers = {name: value for name, value in self.headers.items() if name.lower() not in hidden}
        with self.proxy.guard:
            return self.proxy.backend(self.command, self.path, headers, body)

    def _answer(self, status: int, headers: Headers, body: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        length = next((value for name, value in headers if name.lower() == "content-length"), None)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = cut

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def moto() -> Iterator[Proxy]:
    """moto's S3 without a bucket, behind a proxy that calls it: moto's own server takes longer to find S3 than S3 takes."""
    s3_backends.reset()  # what it has outlives a server
    client = Client(create_backend_app("s3"), use_cookies=False)

    def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Headers, bytes]:
        found = client.open(path, method=method, headers=headers, data=body)
        return found.status_code, list(found.headers), found.get_data()

    proxy = Proxy(answer)
    try:
        yield proxy
    finally:
        proxy.close()


@contextlib.contextmanager
def ministack(service: str = "s3") -> Iterator[Proxy]:
    """MiniStack's S3, which shares no code with moto's, or another service of it, behind a proxy."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "SERVICES": service}
    command = [sys.executable, "-m", "ministack"]
    with subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while server.poll() is None:
                with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            proxy = Proxy(functools.partial(_sent, port))
            yield proxy
            proxy.close()
        finally:
            server.terminate()


def _sent(port: int, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Headers, bytes]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()


SERVERS = {"moto": moto, "ministack": ministack}


def make_bucket(endpoint: str, bucket: str = BUCKET) -> None:
    """Make a bucket that is not there yet."""
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)


def open_store(endpoint: str, partials: str, prefix: str) -> S3Store:
    """A store in the bucket; picklable with ``functools.partial``."""
    return S3Store(f"s3://{BUCKET}/{prefix}", partials, endpoint=endpoint)
