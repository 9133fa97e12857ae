"""Which files are taken, when one is complete, and how its lines are read."""

from dataclasses import dataclass, field

HIDDEN = ("_", ".")
"""Names that begin so are nobody's data, by Hadoop's custom."""


@dataclass(frozen=True, slots=True)
class Complete:
    """When a file is complete: all that is given here holds. Nothing given: its name is, as whoever renames gives it.

    `done`: a file of its name and this suffix lies beside it. `success`: a file of this name lies in its folder.
    `quiet_ms`: so long, by the clock that the log was given, it was seen with the same size and time of change.
    """

    in_use: tuple[str, ...] = (".tmp",)
    done: str | None = None
    success: str | None = None
    quiet_ms: int = 0


@dataclass(frozen=True, slots=True)
class Lines:
    """Each line is a record. `header`: the first line of each file names columns, is none, and is the same in all."""

    header: bool = False
    longest: int = 16 << 20
    """In bytes. A file with a longer line is left out, and told."""


@dataclass(frozen=True, slots=True)
class FilesSource:
    """`folder`, with all folders in it. `closed_ms`: so long after its last change a folder is closed, and a file is
    old. The position, which stands in each manifest, has 70 bytes for each file that is not.
    """

    folder: str
    lines: Lines = field(default_factory=Lines)
    complete: Complete = field(default_factory=Complete)
    closed_ms: int = 7_200_000
