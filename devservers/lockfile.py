"""The lock file: which artifacts exactly, one a line.

    group:name:version[:classifier/extension] sha256 bytes

Lines that are empty or start with # are comments and survive `python -m devservers lock`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from devservers.errors import DevServerError


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a Maven repository; `sha256` in lower-case hex, `size` in bytes."""

    group: str
    name: str
    version: str
    classifier: str
    extension: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{classifier}.{self.extension}"

    @property
    def coordinates(self) -> str:
        kind = f":{self.classifier}/{self.extension}" if (self.classifier, self.extension) != ("", "jar") else ""
        return f"{self.group}:{self.name}:{self.version}{kind}"


def parse(text: str) -> tuple[Artifact, ...]:
    """Every artifact of a lock file's text. Raises DevServerError with the line that is not one."""
    return tuple(_artifact(number, line) for number, line in enumerate(text.splitlines(), 1) if _is_entry(line))


def _is_entry(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _artifact(number: int, line: str) -> Artifact:
    try:
        coordinates, sha256, size = line.split()
        group, name, version, *kind = coordinates.split(":")
        classifier, extension = kind[0].split("/") if kind else ("", "jar")
        return Artifact(group, name, version, classifier, extension, sha256, int(size))
    except (ValueError, IndexError):
        raise DevServerError(
            f"line {number} of the lock file is not an artifact: {line!r}", "see the comment on its top"
        ) from None


def measured(artifact: Artifact, file: Path) -> Artifact:
    """The artifact with the checksum and size of this file."""
    return replace(artifact, sha256=sha256_of(file), size=file.stat().st_size)


def rewritten(text: str, by_coordinates: Mapping[str, Artifact]) -> str:
    """The lock file's text with new checksums and sizes; comments and order stay."""
    return "".join(f"{line}\n" for line in _new_lines(text.splitlines(), by_coordinates))


def _new_lines(lines: Iterable[str], by_coordinates: Mapping[str, Artifact]) -> Iterable[str]:
    for line in lines:
        if _is_entry(line):
            new = by_coordinates[line.split()[0]]
            yield f"{new.coordinates} {new.sha256} {new.size}"
        else:
            yield line


def sha256_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def is_right(artifact: Artifact, file: Path) -> bool:
    """Whether the file is there, whole and the one that was locked."""
    return file.is_file() and file.stat().st_size == artifact.size and sha256_of(file) == artifact.sha256
