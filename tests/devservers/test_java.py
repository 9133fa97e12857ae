"""Which Java is taken, and what is said when there is none that does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devservers.errors import DevServerError
from devservers.java import find_java


def java(folder: Path, version_line: str) -> Path:
    """A `java` that says this when asked for its version."""
    script = folder / "bin" / "java"
    script.parent.mkdir(parents=True)
    script.write_text(f"#!/bin/sh\necho '{version_line}' >&2\n")
    script.chmod(0o755)
    return script


def test_no_java_is_said_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(DevServerError, match=r"^no Java found .*: install a Java 17 or newer"):
        find_java({"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("said", "version"), [('openjdk version "11.0.22" 2024-01-16', 11), ('java version "1.8.0_392"', 8)]
)
def test_java_that_is_too_old_is_refused_with_its_version(tmp_path: Path, said: str, version: int) -> None:
    found = java(tmp_path, said)
    with pytest.raises(DevServerError, match=f"Java {version}, too old: install a Java 17"):
        find_java({"PATH": str(found.parent)})


@pytest.mark.parametrize("said", ['openjdk version "17" 2021-09-14', 'openjdk version "25-ea" 2025-09-16'])
def test_java_of_17_and_newer_is_taken(tmp_path: Path, said: str) -> None:
    found = java(tmp_path, said)
    assert find_java({"PATH": str(found.parent)}) == found


def test_java_home_comes_before_path(tmp_path: Path) -> None:
    home, other = java(tmp_path / "home", 'openjdk version "21"'), java(tmp_path / "other", 'openjdk version "17"')
    assert find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(other.parent)}) == home


def test_java_home_without_java_is_said(tmp_path: Path) -> None:
    with pytest.raises(DevServerError, match=r"^JAVA_HOME=.* holds no bin/java: install"):
        find_java({"JAVA_HOME": str(tmp_path), "PATH": "/usr/bin"})


def test_something_else_named_java_is_refused(tmp_path: Path) -> None:
    found = java(tmp_path, "Unable to locate a Java Runtime.")
    with pytest.raises(DevServerError, match=r"does not tell its version \(Unable to locate a Java Runtime"):
        find_java({"PATH": str(found.parent)})


def test_fetch_command_says_too_old_java_in_one_line(tmp_path: Path) -> None:
    old = java(tmp_path, 'openjdk version "11.0.22"')
    environment = {"PATH": str(old.parent), "HOTSWAP_CACHE": str(tmp_path / "cache"), "HOME": os.environ["HOME"]}
    command = [sys.executable, "-m", "devservers", "fetch"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    (line,) = said.stderr.splitlines()
    assert (said.returncode, "Java 11, too old: install a Java 17" in line) == (1, True)
