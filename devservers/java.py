"""Find a Java that is new enough."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from devservers.errors import DevServerError

OLDEST = 17
_INSTALL = (
    f"install a Java {OLDEST} or newer (a runtime is enough, e.g. `apt install openjdk-17-jre-headless`) "
    "or point JAVA_HOME at one"
)


def find_java(environ: Mapping[str, str] = os.environ) -> Path:
    """The `java` of JAVA_HOME, else of PATH.

    Raises DevServerError if there is none or it is older than 17 (Spark 4 and its Derby need 17).
    """
    found = _candidate(environ)
    version = _major_version(found)
    if version < OLDEST:
        raise DevServerError(f"{found} is Java {version}, too old", _INSTALL)
    return found


def _candidate(environ: Mapping[str, str]) -> Path:
    home = environ.get("JAVA_HOME")
    if home:
        java = Path(home, "bin", "java")
        if not java.is_file():
            raise DevServerError(f"JAVA_HOME={home} holds no bin/java", _INSTALL)
        return java
    on_path = shutil.which("java", path=environ.get("PATH", os.defpath))
    if on_path is None:
        raise DevServerError("no Java found (JAVA_HOME is not set, PATH has no java)", _INSTALL)
    return Path(on_path)


def _major_version(java: Path) -> int:
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DevServerError(f"{java} does not run ({error})", _INSTALL) from error
    version = re.search(r'version "(?:1\.)?(\d+)', said.stderr)  # "1.8.0_392" is 8, "17.0.15" is 17
    if version is None:
        first_line = (said.stderr or said.stdout).strip().partition("\n")[0]
        raise DevServerError(f"{java} does not tell its version ({first_line or 'no output'})", _INSTALL)
    return int(version.group(1))
