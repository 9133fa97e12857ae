"""What a manifest does to the table, by its kind; what follows from it stands beside it, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a manifest does to the table."""

    BATCH = "batch"
    ROLLBACK = "rollback"
    HOLD = "hold"
    RESUME = "resume"
    REPAIR = "repair"
    DROP = "drop"
    FOLDED = "folded"
    BOOTSTRAP = "bootstrap"
    REBUILD = "rebuild"
    ADOPT = "adopt"


@dataclass(frozen=True, slots=True)
class Flags:
    """`writes_versions`: it makes directories, which clean deletes if it is aborted. `changes_rows`: a reader may see
    other rows after it. `taken_back`: a rollback to before it takes it back, and a resume reads its keys again.
    """

    writes_versions: bool = False
    changes_rows: bool = False
    taken_back: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in ("writes_versions", "changes_rows", "taken_back") if getattr(self, name))


FLAGS: Mapping[Kind, Flags] = {
    Kind.BATCH: Flags(writes_versions=True, changes_rows=True, taken_back=True),
    Kind.BOOTSTRAP: Flags(writes_versions=True, changes_rows=True),
    Kind.REBUILD: Flags(writes_versions=True, changes_rows=True),
    Kind.ADOPT: Flags(changes_rows=True),
    Kind.ROLLBACK: Flags(changes_rows=True),
    Kind.HOLD: Flags(),
    Kind.RESUME: Flags(),
    Kind.REPAIR: Flags(),
    Kind.DROP: Flags(),
    Kind.FOLDED: Flags(),
}
"""Every kind stands here; they are stored with each manifest, for readers that do not know a kind yet."""
