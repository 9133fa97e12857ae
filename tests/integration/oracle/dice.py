"""A seeded sequence of HBase operations, and what it leaves out.

In rounds that end with a reconcile anything goes that HBase takes (`oldest_ms` 1, `ahead_ms` and `ttl_ms` above 0).
In the others what a window misses by design (docs: "What a window misses") is left out:

- puts and deletes stamped before the window: `oldest_ms` says where the next window starts, and nothing goes below;
- deletes of one version or family version whose cell is older than that (the shell's `delete`): their marker carries
  the old cell's timestamp. So a version is deleted only where its timestamp is known to lie in the window;
- puts stamped in the future, which a window shows only when their time has come;
- cells that expire (`ttl_ms`), of which nothing tells;

And in all of them:

- markers that a major compaction takes away between two batches: the table keeps them (`time.to.purge.deletes`);
- versions that come back or go at a compaction alone, without a new cell (more versions than VERSIONS, then a version
  delete): family d keeps all versions, and in family e no version is deleted;
- truncate, dropped families, bulk loads, replication: see test_roads.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loader.sources.hbase.thrift2.client import DeleteType
from tests.integration.oracle.operations import Cells, Delete, DeleteAndPut, Operation, Put, Puts

CAMPAIGNS = (
    b"red", b"red", b"red", b"red", b"Red", b"blue", b"blue", b"0", b"00", b"a/b", b"100%", b"%41", b"a=b", b"x:y",
    "größe".encode(), b"it's \"quoted\"", b"tab\there", b"\\", b"*?{}[]^#", "日本 😀".encode(), b"null", b" lead",
    b"\x01\x7f",
)  # fmt: skip
NO_CAMPAIGN = (b"", rb"\N")
BAD_CAMPAIGNS = (b"__HIVE_DEFAULT_PARTITION__", b"y" * 300, b"\xff\xfe", b"red ", b" ", b"a\x00b")
AWKWARD = (
    b"\x00", b"\x00\x00", b"\xff\xff\xff", b"a", b"a\x00", b"a\x00\x00", b"a\nb", b"'\"`%", rb"\N", b" ", b"a|b", b",",
    b"\xc3", "ключ".encode(), b"_hidden", b"=",
)  # fmt: skip
AWKWARD_PARTS = ("a", "", "a b", "a|b", "||", "%2F", "/", "'\"", "\t", "\x01", "ключ", "😀", "_x", "=")
TITLES = (b"", b"title", rb"\N", b"line\nbreak", b"'", "ünïcode 😀".encode(), b"NULL", b"\x00")
PRICES = (b"0", b"12.5", b"-3.125", b"99999999.99", b"1e3", rb"\N", b" 7 ")
MOMENTS = (b"2026-03-29 02:30:00.123456", b"1969-12-31 23:59:59.9", b"2024-02-29 00:00:00.0", rb"\N")
BAD = ((b"clicks", b"123"), (b"clicks", b""), (b"title", b"\xff"), (b"price", b"much"), (b"seen", b"2026-02-30"))


@dataclass
class Dice:
    """Operations over a pool of keys, so that keys meet several.

    `by_key`: partitions follow from the key. `versions`: the timestamps of a row's cells of one column, newest first.
    """

    random: random.Random
    keys: Sequence[bytes]
    by_key: bool
    versions: Callable[[bytes, bytes], list[int]]
    oldest_ms: int = 1
    ahead_ms: int = 0
    ttl_ms: int = 0
    now: Callable[[], int] = field(default=lambda: 0)
    undecodable: bool = True
    deletes: float = 1.0  # how much likelier than usual
    campaigns: Sequence[bytes] = CAMPAIGNS

    def roll(self) -> Operation:
        rolled: Operation | None = None
        while rolled is None:
            kinds, weights = zip(*self._kinds(), strict=True)
            rolled = self.random.choices(kinds, weights)[0]()
        return rolled

    def _kinds(self) -> list[tuple[Callable[[], Operation | None], float]]:
        deletes = self.deletes
        return [
            (self.whole_row, 24),
            (self.one_cell, 14),
            (self.move, 0 if self.by_key else 12),
            (self.several_families, 6),
            (self.at_a_given_time, 8),
            (self.twice_in_one_millisecond, 4),
            (self.twice_in_one_call, 4),
            (self.unmapped, 2),
            (self.undecodable_cell, 3 if self.undecodable else 0),
            (self.delete_row, 8 * deletes),
            (self.delete_row_up_to, 3 * deletes),
            (self.delete_family, 2 * deletes),
            (self.delete_columns, 5 * deletes),
            (self.delete_version, 5 * deletes),
            (self.delete_family_version, 2 * deletes),
            (self.delete_and_put, 3 * deletes),
            (self.expiring, 8 if self.ttl_ms else 0),
        ]

    # Puts

    def whole_row(self) -> Put:
        row = self._key()
        return Put(row, (*self._campaign(), *self._details()))

    def one_cell(self) -> Put:
        return Put(self._key(), (self.random.choice(self._details()),))

    def move(self) -> Put:
        return Put(self._key(), self._campaign())

    def several_families(self) -> Put:
        return Put(self._key(), (self._details()[0], *self._tags(), (b"x", b"ignored", b"")))

    def at_a_given_time(self) -> Put:
        return Put(self._key(), (*self._campaign(), *self._details()), self._time())

    def expiring(self) -> Put:
        """What was before comes back when it goes. Family e keeps too few versions for that."""
        cells = (*self._campaign(), *self._details())
        return Put(self._key(), tuple(cell for cell in cells if cell[0] == b"d"), ttl_ms=self.ttl_ms)

    def twice_in_one_millisecond(self) -> Puts:
        row, at = self._key(), self._time()
        return Puts((Put(row, self._details(), at), Put(row, self._details(), at)))

    def twice_in_one_call(self) -> Puts:
        row, other = self._key(), self._key()
        puts = (Put(row, self._details()), Put(other, self._details()), Put(row, (*self._campaign(), *self._details())))
        return Puts(puts)

    def unmapped(self) -> Put:
        return Put(self._key(), ((b"d", b"unmapped", b"1"), (b"x", b"campaign", b"red")))

    def undecodable_cell(self) -> Put:
        if not self.by_key and self.random.random() < 0.4:
            return Put(self._key(), ((b"d", b"campaign", self.random.choice(BAD_CAMPAIGNS)),))
        return Put(self._key(), ((b"d", *self.random.choice(BAD)),))

    # Deletes

    def delete_row(self) -> Delete:
        return Delete(self._key())

    def delete_row_up_to(self) -> Delete:
        return Delete(self._key(), timestamp=self._time())

    def delete_family(self) -> Delete:
        return Delete(self._key(), ((self.random.choice([b"d", b"e"]), None, None),), DeleteType.FAMILY)

    def delete_columns(self) -> Delete:
        names = self.random.sample(self._names(), self.random.choice([1, 1, 2]))
        at = self.random.choice([None, None, self._time()])
        return Delete(self._key(), tuple((b"d", name, at) for name in names), DeleteType.COLUMN)

    def delete_version(self) -> Delete | None:
        row, name = self._key(), self.random.choice(self._names())
        known = [at for at in self.versions(row, name) if at >= self.oldest_ms]
        return Delete(row, ((b"d", name, self.random.choice(known)),), DeleteType.VERSION) if known else None

    def delete_family_version(self) -> Delete | None:
        row = self._key()
        known = [at for at in self.versions(row, b"title") if at >= self.oldest_ms]
        return Delete(row, ((b"d", None, self.random.choice(known)),), DeleteType.FAMILY_VERSION) if known else None

    def delete_and_put(self) -> DeleteAndPut | None:
        row, name = self._key(), self.random.choice(self._names())
        delete = Delete(row, ((b"d", name, None),), DeleteType.COLUMN)
        cells = tuple(cell for cell in self._details() if cell[1] != name)
        return DeleteAndPut(delete, Put(row, cells)) if cells else None

    # Their parts

    def _key(self) -> bytes:
        return self.random.choice(self.keys)

    def _names(self) -> list[bytes]:
        names = [b"title", b"clicks", b"price", b"seen"]
        return names if self.by_key else [*names, b"campaign"]

    def _campaign(self) -> Cells:
        """Now and then null, empty, or left out."""
        if self.by_key:
            return ((b"d", b"title", b"t"),)
        if self.random.random() < 0.06:
            return ((b"d", b"campaign", self.random.choice(NO_CAMPAIGN)), (b"d", b"title", b"nowhere"))
        return ((b"d", b"campaign", self.random.choice(self.campaigns)),)

    def _details(self) -> Cells:
        choose = self.random.choice
        clicks = choose([self.random.getrandbits(63), -1, 0, 2**63 - 1, -(2**63)])
        cells = (
            (b"d", b"title", choose([*TITLES, b"%d" % self.random.getrandbits(20)])),
            (b"d", b"clicks", clicks.to_bytes(8, "big", signed=True)),
            (b"d", b"price", choose(PRICES)),
            (b"d", b"seen", choose(MOMENTS)),
            *self._tags(),
        )
        return tuple(self.random.sample(cells, self.random.randint(1, len(cells))))

    def _tags(self) -> Cells:
        names = self.random.sample([b"", b"a", b"b", "ü".encode()], self.random.randint(0, 2))
        return tuple((b"e", name, self.random.choice([b"1", b"", rb"\N"])) for name in names)

    def _time(self) -> int:
        """In the window: after its start, and not in the future; unless this round has leave."""
        latest = max(self.now() - 1 + self.ahead_ms, self.oldest_ms)
        if self.random.random() < 0.7:
            return self.random.randint(max(self.oldest_ms, latest - 60_000), latest)
        return self.random.randint(self.oldest_ms, latest)


def keys_of(dice: random.Random, count: int) -> list[bytes]:
    """Any bytes."""
    plain = [b"ad%05d" % number for number in range(count)]
    random_bytes = [dice.randbytes(dice.randint(1, 12)) for _ in range(count // 5)]
    return list(dict.fromkeys([*AWKWARD, *random_bytes, *plain]))


def composite_keys_of(dice: random.Random, count: int) -> list[bytes]:
    """`campaign|ad`, of which a few have no second part."""
    campaigns = [campaign for campaign in CAMPAIGNS if b"|" not in campaign]
    plain = [dice.choice(campaigns) + b"|%05d" % number for number in range(count)]
    awkward = [dice.choice(campaigns) + b"|" + part.encode() for part in AWKWARD_PARTS]
    nowhere = [b"|%05d" % number for number in range(count // 20)]
    bad = [b"no delimiter", rb"\N|1", b"red|\xff", rb"red|\N", *(campaign + b"|1" for campaign in BAD_CAMPAIGNS)]
    return list(dict.fromkeys([*awkward, *nowhere, *bad, *plain]))
