"""How long a loader may stay away and still see every change: as long as HBase keeps what a raw scan shows.

A delete marker goes with the first compaction after `hbase.hstore.time.to.purge.deletes` (0 unless set), an expired
cell with the first after its TTL. Whoever was away longer may never see that a row changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

FOREVER = 2**31 - 1
_PURGE, _TTL, _KEEP = b"hbase.hstore.time.to.purge.deletes", b"TTL", b"KEEP_DELETED_CELLS"


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept at least, in ms; None: for ever. `markers`: delete markers; `cells`: cells that nothing deleted."""

    markers_ms: int | None = 0
    cells_ms: int | None = None

    @property
    def absence_ms(self) -> int | None:
        """The longest absence that hides nothing; None: any."""
        known = [limit for limit in (self.markers_ms, self.cells_ms) if limit is not None]
        return min(known, default=None)


def retention_of(settings: Iterable[Mapping[bytes, bytes]]) -> Retention:
    """Of several families together: the least of each. `settings` as `Thrift2.family_settings` gives them."""
    each = [(_markers(family), _cells(family)) for family in settings]
    return Retention(_least(markers for markers, _ in each), _least(cells for _, cells in each))


def _markers(family: Mapping[bytes, bytes]) -> int | None:
    if family.get(_KEEP, b"FALSE").upper() == b"TRUE":
        return _cells(family)  # markers go with what they hide, and that only by TTL and VERSIONS
    return _number(family, _PURGE, 0)


def _cells(family: Mapping[bytes, bytes]) -> int | None:
    seconds = _number(family, _TTL, FOREVER)
    return None if seconds >= FOREVER else seconds * 1000


def _number(family: Mapping[bytes, bytes], name: bytes, default: int) -> int:
    text = family.get(name, b"").decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else default


def _least(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
