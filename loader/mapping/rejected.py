"""What could not be decoded, as a value: its bytes and the reason, never dropped silently."""

from dataclasses import dataclass

RejectedCell = tuple[bytes, bytes, int, bytes]
"""family, qualifier, timestamp in ms, value."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is quarantined: it keeps its last published image until its next good image or delete.

    `column`: the Hive column that could not be decoded; None if the whole row is at fault (its key, its partition).
    `cells`: every mapped cell of the row as HBase gave it, so that nothing is lost by the quarantine.
    """

    key: bytes
    reason: str
    cells: tuple[RejectedCell, ...]
    column: str | None = None
