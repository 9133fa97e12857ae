"""Spark versions of their own for the peers that need one: a venv below the cache folder, jars by Ivy."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from devservers import lockfile
from devservers.fetch import Fetcher
from devservers.progress import for_stderr

LOCK = Path(__file__).with_name("jars.lock")
HUDI = "org.apache.hudi"


class CannotRun(Exception):
    """A peer that cannot be installed or run here, with the reason."""


def python_of(cache: Path, requirement: str) -> Path:
    """The interpreter of a venv with that pyspark; made once. Raises CannotRun."""
    version = requirement.partition("==")[2].rpartition(".")[0]
    folder = cache / f"spark-{version}"
    python, ready = folder / "bin" / "python", folder / f"ready-{requirement}"
    if not ready.exists():
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], requirement)
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement], requirement)
        ready.touch()
    return python


def jars_of(cache: Path, groups: Sequence[str]) -> list[Path]:
    """The locked jars of these groups, fetched once. Raises DevServerError."""
    artifacts = tuple(a for a in lockfile.parse(LOCK.read_text()) if a.group in groups)
    fetcher = Fetcher(cache, artifacts, for_stderr())
    fetcher.run()
    return [fetcher.path(artifact) for artifact in artifacts]


def lock(cache: Path) -> None:
    """Renew the checksums of jars.lock from the repository."""
    renewed = Fetcher(cache, lockfile.parse(LOCK.read_text()), for_stderr()).relocked()
    LOCK.write_text(lockfile.rewritten(LOCK.read_text(), renewed))


def _run(command: list[str], requirement: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise CannotRun(f"{requirement} could not be installed: {' '.join(last)}")
