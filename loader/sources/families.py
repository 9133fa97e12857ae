"""What a column family keeps, and for how long: what a window can miss depends on it (3-sources)."""

from collections.abc import Mapping
from dataclasses import dataclass

PURGE = "hbase.hstore.time.to.purge.deletes"
"""How long a compaction keeps delete markers: per family, or for a whole server (which Thrift2 does not tell)."""
FOREVER_S = 2147483647


@dataclass(frozen=True, slots=True)
class FamilyFacts:
    """`markers_kept_s`: at least so long, as far as the family itself says; 0 if it does not."""

    name: bytes
    time_to_live_s: int
    keeps_deleted_cells: bool
    markers_kept_s: float

    @property
    def keeps_markers(self) -> bool:
        """Whether the family itself says that delete markers outlive a compaction."""
        return self.keeps_deleted_cells or self.markers_kept_s > 0


def family_facts(name: bytes, settings: Mapping[bytes, bytes]) -> FamilyFacts:
    told = {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in settings.items()}
    return FamilyFacts(
        name=name,
        time_to_live_s=_number(told.get("TTL"), FOREVER_S),
        keeps_deleted_cells=told.get("KEEP_DELETED_CELLS", "FALSE").upper() != "FALSE",
        markers_kept_s=_number(told.get(PURGE), 0) / 1000,
    )


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdigit() else default
