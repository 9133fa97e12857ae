"""The cache of fetched artifacts: what is missing or broken is brought by Ivy, and each file is checked by its SHA-256.

    <cache>/<group>/   what is whole and right of <group>.lock; a file gets here by rename only
    <cache>/ivy/       Ivy's own downloads of an unfinished fetch, so that the next one goes on from there
    <cache>/fetch-*/   a fetch under way, or one that was killed: the next one removes it

Who has a mirror names an Ivy settings file of his own in HOTSWAP_IVY_SETTINGS.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from devservers import ivy, lockfile, paths
from devservers.errors import DevServerError
from devservers.java import find_java
from devservers.lockfile import Artifact
from devservers.progress import PlainProgress, Progress


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Keeps `artifacts` in `cache`, in the folder of their group. `settings` and `java_options` are for Ivy."""

    cache: Path
    artifacts: tuple[Artifact, ...]
    progress: Progress = field(default_factory=PlainProgress)
    settings: Path | None = None
    java_options: Sequence[str] = ()
    group: str = paths.FIRST_GROUP

    @property
    def folder(self) -> Path:
        return self.cache / self.group

    def path(self, artifact: Artifact) -> Path:
        return self.folder / artifact.file_name

    def missing(self) -> tuple[Artifact, ...]:
        """What is not there, or not what was locked. Reads every file: 0.1 to 0.3 s for 100 MB."""
        with ThreadPoolExecutor() as pool:
            right = pool.map(lambda artifact: lockfile.is_right(artifact, self.path(artifact)), self.artifacts)
            return tuple(artifact for artifact, good in zip(self.artifacts, right, strict=True) if not good)

    def run(self) -> tuple[Artifact, ...]:
        """Fetch what is missing and return it. If nothing is, this needs neither network nor Java.

        Raises DevServerError: no network, a file that is not what was locked, no Java. Files that were right stay.
        """
        if not self.missing():
            return ()
        with self._alone():
            missing = self.missing()  # another process may have fetched meanwhile
            if missing:
                self._fetch(missing)
            return missing

    def relocked(self) -> dict[str, Artifact]:
        """Every artifact by its coordinates, as the repository has it now: fetched anew, checked against nothing."""
        with self._alone(), self._workplace() as folder:
            files = self._retrieve(self.artifacts, folder)
            return {artifact.coordinates: lockfile.measured(artifact, file) for artifact, file in files.items()}

    def _fetch(self, missing: tuple[Artifact, ...]) -> None:
        with self._workplace() as folder:
            files = self._retrieve(missing, folder)
            wrong = [artifact for artifact in missing if not lockfile.is_right(artifact, files[artifact])]
            for artifact in missing:
                if artifact not in wrong:
                    os.replace(files[artifact], self.path(artifact))
        shutil.rmtree(self.cache / "ivy")  # all of it is in place, or wrong
        if wrong:
            raise _wrong(wrong)

    def _retrieve(self, artifacts: tuple[Artifact, ...], folder: Path) -> Mapping[Artifact, Path]:
        java = find_java()
        with self.progress.of(len(artifacts), sum(artifact.size for artifact in artifacts)) as done:
            return ivy.retrieve(
                java,
                artifacts,
                folder,
                home=self.cache / "ivy",
                arrived=lambda artifact: done(artifact.file_name, artifact.size),
                settings=self.settings,
                java_options=self.java_options,
            )

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One fetch at a time in this cache, also among processes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.cache / "fetch.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left_over in self.cache.glob("fetch-*"):
                shutil.rmtree(left_over)
            yield

    @contextlib.contextmanager
    def _workplace(self) -> Iterator[Path]:
        """In the cache, because a rename must not cross file systems."""
        with tempfile.TemporaryDirectory(dir=self.cache, prefix="fetch-") as folder:
            yield Path(folder)


def default_fetcher(
    progress: Progress | None = None, environ: Mapping[str, str] = os.environ, group: str = paths.FIRST_GROUP
) -> Fetcher:
    """All of a group's lock file, into the cache folder."""
    settings = environ.get("HOTSWAP_IVY_SETTINGS")
    artifacts = lockfile.parse(paths.lock_file(group).read_text())
    own_settings = Path(settings) if settings else None
    return Fetcher(paths.cache_folder(environ), artifacts, progress or PlainProgress(), own_settings, group=group)


def fetch_all(group: str = paths.FIRST_GROUP) -> Path:
    """Have all of a group in the cache; returns the folder of the files."""
    fetcher = default_fetcher(group=group)
    fetcher.run()
    return fetcher.folder


def _wrong(artifacts: Sequence[Artifact]) -> DevServerError:
    more = f" (and {len(artifacts) - 1} more)" if len(artifacts) > 1 else ""
    return DevServerError(
        f"{artifacts[0].coordinates} was fetched, but its SHA-256 is not the one in the lock file{more}",
        "it was thrown away; try again, and if it stays so, ask who runs your mirror or proxy",
    )
