"""Rows that cannot be decoded against those that stand in the quarantine: a difference is drift as any other.

A cell that no window showed can make a row undecodable, or decodable again. The first must come to be listed, and the
second must leave the list, or take its rows' changes up again: a batch that reads the key does both.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from loader.ops.reconcile.values import Drift, DriftKind, Range
from loader.state.open_table import Environment
from loader.state.quarantine import quarantined


def listed_keys(env: Environment) -> frozenset[bytes]:
    """The raw keys that are in quarantine now."""
    return frozenset(map(bytes.fromhex, quarantined(env.files, env.layout, env.state.records().attempts)))


def unnoticed(bad: Iterable[bytes], listed: Iterable[bytes]) -> tuple[Drift, ...]:
    """Keys that are bad or listed, but not both."""
    return tuple(Drift(key, DriftKind.UNNOTICED, "") for key in sorted(set(bad) ^ set(listed)))


@dataclass(slots=True)
class BadRows:
    """What is found of one range while it is read. `listed`: as of the state that Hive was read at, or later."""

    listed: frozenset[bytes]
    rest: Range
    seen: list[bytes] = field(default_factory=list)

    def cut(self, upto: bytes | None) -> tuple[int, tuple[Drift, ...]]:
        """How many were seen up to and including `upto` (None: the end of the range), and the drift among them."""
        stop = self.rest.stop if upto is None else upto + b"\0"
        here = Range(self.rest.start, stop)
        seen = [key for key in self.seen if _inside(key, here)]
        self.seen = [key for key in self.seen if not _inside(key, here)]
        self.rest = Range(stop, self.rest.stop)
        return len(seen), unnoticed(seen, (key for key in self.listed if _inside(key, here)))


def _inside(key: bytes, keys: Range) -> bool:
    return key >= keys.start and (not keys.stop or key < keys.stop)
