"""Which Java the stream would start Spark with."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path


def java_version(environment: Mapping[str, str]) -> int | None:
    """The major version of JAVA_HOME's java, or of the one on the PATH; None if there is none that answers."""
    home = environment.get("JAVA_HOME")
    command = str(Path(home) / "bin" / "java") if home else shutil.which("java", path=environment.get("PATH"))
    if command is None:
        return None
    try:
        done = subprocess.run([command, "-version"], check=False, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    return int(match[1]) if match else None
