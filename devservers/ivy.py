"""Let the Ivy that pyspark carries bring exact files of a Maven repository. Nothing is checked here.

Ivy gets no host or address from us: its own default is the central Maven repository.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from devservers import paths, tethered
from devservers.errors import DevServerError
from devservers.lockfile import Artifact

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
_NO_NETWORK = re.compile(
    r"UnknownHost|ConnectException|NoRouteToHost|SocketTimeout|SocketException|SSLException"
    r"|Host .* not found|[Cc]onnection (refused|timed out)|Server access error"
)


def retrieve(
    java: Path,
    artifacts: Sequence[Artifact],
    folder: Path,
    home: Path,
    arrived: Callable[[Artifact], None],
    settings: Path | None = None,
    java_options: Sequence[str] = (),
) -> dict[Artifact, Path]:
    """Bring these artifacts into `folder` and say where each lies there.

    `home` keeps Ivy's own downloads, so that a second call after a failure goes on from them. `arrived` is called for
    each download. `settings` is an Ivy settings file to use instead of ours.
    Raises DevServerError: no network, an artifact that the repository does not have.
    """
    settings = settings or _written(folder / "ivysettings.xml", _SETTINGS)
    module = _written(folder / "ivy.xml", _module(artifacts))
    jvm = [str(java), f"-Divy.default.ivy.user.dir={home}", "-Djava.net.preferIPv4Stack=true", *java_options]
    ivy = ["-cp", str(paths.pyspark_jar("ivy")), "org.apache.ivy.Main", "-settings", str(settings)]
    _run([*jvm, *ivy, "-ivy", str(module), "-retrieve", f"{folder}/{_RETRIEVED}"], artifacts, arrived)
    return {artifact: folder / artifact.group / artifact.file_name for artifact in artifacts}


def _run(command: list[str], artifacts: Sequence[Artifact], arrived: Callable[[Artifact], None]) -> None:
    pipe, none = subprocess.PIPE, subprocess.DEVNULL
    process = tethered.start(command, stdin=none, stdout=pipe, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        said = _follow(process.stdout, artifacts, arrived)
        failed = process.wait() != 0
    finally:
        process.kill()  # if we were interrupted
        process.stdout.close()
    if failed:
        raise _failure(said)


def _follow(lines: Iterable[str], artifacts: Sequence[Artifact], arrived: Callable[[Artifact], None]) -> list[str]:
    by_name = {(artifact.group, artifact.name, artifact.version): artifact for artifact in artifacts}
    said: list[str] = []
    for line in lines:
        said.append(line)
        match = _DONE.search(line)
        if match:
            arrived(by_name[match[1], match[2], match[3]])
    return said


def _failure(said: Sequence[str]) -> DevServerError:
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
    tag = f"<artifact{file}{classifier}/>"
    return f'<dependency{module} transitive="false" conf="default->*">{tag}</dependency>'


def _attributes(**values: str) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in values.items())


def _written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file
