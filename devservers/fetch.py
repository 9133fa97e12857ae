"""Fetch the locked artifacts into the cache with the Ivy that pyspark carries, and check each by its SHA-256.

    <cache>/jars/   what is checked and whole; a file gets here by rename only
    <cache>/ivy/    Ivy's own downloads of an unfinished fetch, so that the next one goes on from there

Ivy gets no host or address from us: its own default is the central Maven repository. Who has a mirror names an
Ivy settings file in HOTSWAP_IVY_SETTINGS.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import quoteattr

from devservers import lockfile, paths, tethered
from devservers.errors import DevServerError
from devservers.java import find_java
from devservers.lockfile import Artifact
from devservers.progress import PlainProgress, Progress

_SETTINGS = """<ivysettings>
  <settings defaultResolver="central"/>
  <timeout-constraints>
    <timeout-constraint name="patient" connectionTimeout="15000" readTimeout="60000"/>
  </timeout-constraints>
  <resolvers>
    <ibiblio name="central" m2compatible="true" usepoms="false" useMavenMetadata="false" checksums=""
             timeoutConstraint="patient"/>
  </resolvers>
</ivysettings>
"""
_RETRIEVED = "[organisation]/[artifact]-[revision](-[classifier]).[ext]"
_DONE = re.compile(r"\[SUCCESSFUL \] (\S+)#(\S+);(\S+)!")


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches `artifacts` into `cache`; `java_options` go to Ivy's JVM."""

    cache: Path
    artifacts: tuple[Artifact, ...]
    progress: Progress = field(default_factory=PlainProgress)
    java_options: Sequence[str] = ()
    settings: Path | None = None

    @property
    def folder(self) -> Path:
        return self.cache / "jars"

    def path(self, artifact: Artifact) -> Path:
        return self.folder / artifact.file_name

    def missing(self) -> tuple[Artifact, ...]:
        """What is not there, or not what was locked. Reads every file: 100 MB take 0.3 s."""
        with ThreadPoolExecutor() as pool:
            right = pool.map(lambda artifact: lockfile.is_right(artifact, self.path(artifact)), self.artifacts)
            return tuple(artifact for artifact, good in zip(self.artifacts, right, strict=True) if not good)

    def run(self) -> tuple[Artifact, ...]:
        """Fetch what is missing and return it; nothing missing needs neither network nor Java.

        Raises DevServerError: no network, a file that is not what was locked, no Java. What was whole stays.
        """
        if not self.missing():
            return ()
        self.folder.mkdir(parents=True, exist_ok=True)
        with _alone(self.cache):
            missing = self.missing()  # another process may have fetched meanwhile
            if missing:
                self._fetch(missing)
            return missing

    def _fetch(self, missing: tuple[Artifact, ...]) -> None:
        with tempfile.TemporaryDirectory(dir=self.cache, prefix="fetch-") as folder:
            fetched = self.retrieve(missing, Path(folder))
            wrong = [artifact for artifact in missing if not lockfile.is_right(artifact, fetched[artifact])]
            for artifact in set(missing) - set(wrong):
                os.replace(fetched[artifact], self.path(artifact))
        shutil.rmtree(self.cache / "ivy")
        if wrong:
            raise DevServerError(
                f"{wrong[0].coordinates} was fetched but its SHA-256 is not that of {paths.LOCK.name}"
                + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""),
                "do not use it; fetch again, and if it stays so ask who runs your mirror or proxy",
            )

    def retrieve(self, artifacts: Sequence[Artifact], folder: Path) -> dict[Artifact, Path]:
        """Let Ivy put these files into `folder`, unchecked."""
        settings = self.settings or _written(folder / "ivysettings.xml", _SETTINGS)
        module = _written(folder / "ivy.xml", _module(artifacts))
        options = [
            f"-Divy.default.ivy.user.dir={self.cache / 'ivy'}",
            "-Djava.net.preferIPv4Stack=true",
            *self.java_options,
        ]
        ivy = [
            "-cp",
            str(paths.pyspark_jar("ivy")),
            "org.apache.ivy.Main",
            "-settings",
            str(settings),
            "-ivy",
            str(module),
        ]
        command = [str(find_java()), *options, *ivy, "-retrieve", f"{folder}/{_RETRIEVED}"]
        process = tethered.start(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        said = self._follow(process, artifacts)
        if process.wait() != 0:
            raise _ivy_failure(said)
        return {artifact: folder / artifact.group / artifact.file_name for artifact in artifacts}

    def _follow(self, process: subprocess.Popen[str], artifacts: Sequence[Artifact]) -> list[str]:
        by_name = {(artifact.group, artifact.name, artifact.version): artifact for artifact in artifacts}
        said: list[str] = []
        assert process.stdout is not None
        with self.progress.of(len(artifacts), sum(artifact.size for artifact in artifacts)) as done:
            for line in process.stdout:
                said.append(line)
                match = _DONE.search(line)
                if match and match.groups() in by_name:
                    artifact = by_name[match.groups()]  # type: ignore[index]
                    done(artifact.file_name, artifact.size)
        return said


def fetch_all(progress: Progress | None = None) -> Path:
    """Everything of jars.lock into the default cache. Returns the folder of the files."""
    settings = os.environ.get("HOTSWAP_IVY_SETTINGS")
    fetcher = Fetcher(
        paths.cache_folder(),
        lockfile.parse(paths.LOCK.read_text()),
        progress or PlainProgress(),
        settings=Path(settings) if settings else None,
    )
    fetcher.run()
    return fetcher.folder


@contextlib.contextmanager
def _alone(cache: Path) -> Iterator[None]:
    with (cache / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def _module(artifacts: Sequence[Artifact]) -> str:
    dependencies = "\n".join(map(_dependency, artifacts))
    return f"""<ivy-module version="2.0" xmlns:m="http://ant.apache.org/ivy/maven">
<info organisation="hotswap" module="devservers"/><configurations><conf name="default"/></configurations>
<dependencies>
{dependencies}
</dependencies></ivy-module>
"""


def _dependency(artifact: Artifact) -> str:
    module = _attributes(org=artifact.group, name=artifact.name, rev=artifact.version)
    file = _attributes(name=artifact.name, type=artifact.extension, ext=artifact.extension)
    classifier = f" m:classifier={quoteattr(artifact.classifier)}" if artifact.classifier else ""
    artifact_tag = f"<artifact{file}{classifier}/>"
    return f'<dependency{module} transitive="false" conf="default->*">{artifact_tag}</dependency>'


def _attributes(**values: str) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in values.items())


_NO_NETWORK = re.compile(
    r"UnknownHost|ConnectException|NoRouteToHost|SocketTimeout|SocketException|SSLException"
    r"|Host .* not found|[Cc]onnection (refused|timed out)|Server access error"
)


def _ivy_failure(said: Sequence[str]) -> DevServerError:
    reason = next((line.strip() for line in said if _NO_NETWORK.search(line)), None)
    if reason:
        return DevServerError(
            f"jars could not be fetched, the Maven repository was not reached ({reason})",
            "check the network or proxy (JAVA_TOOL_OPTIONS takes -Dhttps.proxyHost=…), or name your mirror's Ivy "
            "settings file in HOTSWAP_IVY_SETTINGS; what is fetched so far is kept",
        )
    unresolved = next((line.strip() for line in said if "not found" in line or "FAILED" in line), "no reason given")
    words = "".join(said[-20:]).rstrip()
    return DevServerError(f"jars could not be fetched ({unresolved})", "see Ivy's words below", words)
