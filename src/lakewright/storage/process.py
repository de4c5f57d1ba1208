"""Who a process is, so that another one can tell whether it still lives."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
_FIRST_PID_NAMESPACE = "pid:[4026531836]"


@dataclasses.dataclass(frozen=True)
class Process:
    """A process: its host, the host's boot, its id there, and when it started (the system's own text, compared only).

    Process ids of a container are its own, so a container counts as a host.
    """

    host: str
    boot: str
    pid: int
    started: str

    @classmethod
    def current(cls) -> Process:
        """This process."""
        pid = os.getpid()
        return cls(_host(), _boot(), pid, _started(pid))

    def is_here(self) -> bool:
        """Whether it runs, or ran, on this host, so that `is_dead` knows."""
        return self.host == _host()

    def is_dead(self) -> bool:
        """Whether it certainly no longer runs: on this host and of another boot, or gone, or its id now another's."""
        return self.is_here() and (self.boot != _boot() or _started(self.pid) != self.started)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``Process(**data)`` reads back."""
        return dataclasses.asdict(self)


@functools.cache
def _host() -> str:
    try:
        namespace = os.readlink(_PROC / "self/ns/pid")
    except OSError:
        namespace = _FIRST_PID_NAMESPACE
    return socket.gethostname() + ("" if namespace == _FIRST_PID_NAMESPACE else f"/{namespace}")


@functools.cache
def _boot() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return _output("sysctl", "-n", "kern.bootsessionuuid")


def _started(pid: int) -> str:
    """When the process of this id started; empty where there is none, or only what a parent has not yet collected."""
    if not (_PROC / "self/stat").exists():
        return _output("ps", "-o", "lstart=", "-p", str(pid))
    try:
        fields = re.split(r"\s+", (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].strip())
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _output(*command: str) -> str:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={"LC_ALL": "C", "PATH": os.environ["PATH"]}
    ).stdout.strip()
