"""The oracle: operations in rounds, after each of which the Hive table must equal a plain HBase scan, row for row."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from loader.runtime.loop import Loop
from loader.sources.hbase.thrift2.client import TColumn, TGet, Thrift2
from loader.wiring.table import now_ms
from tests.integration.clicks import hotswap
from tests.integration.oracle.dice import Dice, composite_keys_of, keys_of
from tests.integration.oracle.kept import ALL_VISIBLE, LAG_MS, RULES, Kept
from tests.integration.oracle.operations import Operation
from tests.integration.oracle.truth import Image, Shape, Truth, hive_rows, truth_of

AHEAD_MS = 1_500
"""How far in the future a round with leave may put."""

TTL_MS = 2_000
"""How long its expiring cells live: long enough that a batch publishes some."""

SHOWN = 5
"""Differing rows in a failure's message."""

LONGEST_SHOWN = 2000
"""Characters of one operation there; a bulk one names its rows anyway."""


@dataclass(frozen=True)
class Round:
    """`deep`: its window reaches back to the low watermark, so timestamps may too. `restart`: by a new loader run.

    `busy`: batches run while the operations do. `stir`: after which share of them what happens to the servers.
    `first`: sent before the random ones. `reconcile`: timestamps are anything, and a reconcile finds what windows miss.
    """

    operations: int
    first: tuple[Operation, ...] = ()
    deep: bool = False
    restart: bool = False
    busy: bool = False
    reconcile: bool = False
    deletes: float = 1.0
    stir: tuple[tuple[float, Callable[[], None]], ...] = ()


class Differs(AssertionError):
    """The Hive table is not what HBase says."""


@dataclass
class Oracle:
    """One table through its rounds. `expected`: what is to be seen, by raw key; a quarantined row keeps its image."""

    kept: Kept
    shape: Shape
    spark: Any
    seed: int
    keys: Sequence[bytes] = ()
    campaigns: Sequence[bytes] | None = None
    log: dict[bytes, list[str]] = field(default_factory=lambda: defaultdict(list))
    expected: dict[bytes, Image] = field(default_factory=dict)
    rounds: int = 0
    sent: int = 0
    splits: list[dict[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        dice = random.Random(self.seed)
        self.loop: Loop = self.kept.loop()
        self.client: Thrift2 = self.kept.connect()
        by_key = self.shape.name == "by_key"
        self.dice = Dice(dice, self.keys, by_key, self._versions, now=now_ms)
        if self.campaigns:
            self.dice.campaigns = self.campaigns

    def run(self, rounds: Sequence[Round]) -> None:
        for planned in rounds:
            self.round(planned)
        self.client.close()
        self.loop.env.metastore.close()

    def round(self, planned: Round) -> None:
        self.rounds += 1
        if planned.restart:
            self.loop.env.metastore.close()
            self.loop = self.kept.loop()
        self.dice.oldest_ms = self._oldest(planned)
        self.dice.deletes = planned.deletes
        self.dice.ahead_ms, self.dice.ttl_ms = (AHEAD_MS, TTL_MS) if planned.reconcile else (0, 0)
        touched = self._busily(planned) if planned.busy else self._send(planned)
        if planned.reconcile:
            self._reconcile()
        else:
            self.kept.turn(self.loop, planned.deep)
        self._compare(touched if planned.busy or planned.reconcile else frozenset())
        self._remember_splits()

    def _reconcile(self) -> None:
        """What no window has shown is found by comparison, and read by the next batch.

        A comparison leaves alone what is younger than the low watermark: so that is moved past all that was put.
        """
        self.kept.turn(self.loop)
        time.sleep(max(AHEAD_MS, TTL_MS) / 1000)  # now nothing is in the future any more, nor about to expire
        self.kept.turn(self.loop, deep=True, rules=ALL_VISIBLE)
        done = hotswap(self.kept, "reconcile", "--wait", "0s", "--repair", "--json")
        if done.code:
            raise Differs(f"seed {self.seed}: reconcile failed: {done.err}")
        self.kept.turn(self.loop)

    # Operations

    def _oldest(self, planned: Round) -> int:
        """The oldest timestamp that the round's last window is sure to cover."""
        if planned.reconcile:
            return 1
        settled = self.loop.env.state.position()
        if settled is None:
            return 1
        if planned.busy:
            return now_ms() - LAG_MS  # a batch in between may move the window's start to its end - overlap
        if (
            planned.deep and settled.read_ms - settled.low_ms >= RULES.deep_overlap_ms
        ):  # or the window will be a short one
            return settled.low_ms
        return max(settled.low_ms, settled.read_ms - RULES.overlap_ms)

    def _send(self, planned: Round) -> frozenset[bytes]:
        touched: set[bytes] = set()
        stirs = {round(share * planned.operations): stir for share, stir in planned.stir}
        for operation in planned.first:
            touched.update(self._do(operation))
        for number in range(planned.operations):
            if number in stirs:
                stirs[number]()
            if planned.busy:
                self.dice.oldest_ms = now_ms() - LAG_MS
            touched.update(self._do(self.dice.roll()))
        return frozenset(touched)

    def _do(self, operation: Operation) -> tuple[bytes, ...]:
        operation.send(self.client, self.kept.table.hbase_table)
        self.sent += 1
        line = f"round {self.rounds}, #{self.sent}: {_short(operation)}"
        for row in operation.rows:
            self.log[row].append(line)
        return operation.rows

    def _busily(self, planned: Round) -> frozenset[bytes]:
        """Batches run while the operations do."""
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(self._send, planned)
            while not sending.done():
                self.kept.turn(self.loop)
            return sending.result()

    def _versions(self, row: bytes, name: bytes) -> list[int]:
        get = TGet(row=row, columns=[TColumn(family=b"d", qualifier=name)], maxVersions=100)
        return [cell.timestamp for cell in self.client.get(self.kept.table.hbase_table, get).columnValues]

    # Comparison

    def _compare(self, uncertain: frozenset[bytes]) -> None:
        """`uncertain`: keys of which an image in between may have been published before they went bad."""
        truth = truth_of(self.client, self.kept.table.hbase_table, self.shape)
        found = hive_rows(self.spark, self.kept.hive_name, self.shape)
        seen: dict[bytes, list[Image]] = defaultdict(list)
        for image in found:
            seen[self.shape.key_of(image)].append(image)
        self.expected = self._published(truth, seen, uncertain)
        differing = [key for key in seen.keys() | self.expected.keys() if seen.get(key, []) != self._wanted(key)]
        if differing:
            raise Differs(self._explain(differing, seen, truth))
        if Counter(found) != Counter(self.expected.values()):
            raise Differs(f"seed {self.seed}: the keys of Hive's rows are not those of HBase's")
        quarantined = self.kept.service().status().quarantine
        if quarantined != len(truth.undecodable):
            raise Differs(f"seed {self.seed}: {quarantined} rows in quarantine, HBase has {dict(truth.undecodable)}")

    def _published(
        self, truth: Truth, seen: Mapping[bytes, list[Image]], uncertain: frozenset[bytes]
    ) -> dict[bytes, Image]:
        published = dict(truth.images)
        for key in truth.undecodable:
            if key in uncertain and len(seen.get(key, [])) == 1:
                published[key] = seen[key][0]
            elif key in self.expected and key not in uncertain:
                published[key] = self.expected[key]
        return published

    def _wanted(self, key: bytes) -> list[Image]:
        return [self.expected[key]] if key in self.expected else []

    def _explain(self, differing: list[bytes], seen: Mapping[bytes, list[Image]], truth: Truth) -> str:
        smallest = sorted(differing, key=lambda key: (len(self.log[key]), key))[:SHOWN]
        lines = [
            f"after round {self.rounds} and {self.sent} operations {len(differing)} rows of {self.kept.hive_name}"
            f" differ from HBase (of {len(truth.images)}); the smallest:"
        ]
        for key in smallest:
            lines += [f"row {key!r}", f"  HBase: {self._of_hbase(key, truth)}"]
            lines += [f"  Hive:  {image}" for image in seen.get(key, [])] or ["  Hive:  no such row"]
            lines += [f"    {line}" for line in self.log[key]]
        return "\n".join([*lines, f"again with: HOTSWAP_SEED={self.seed}"])

    def _of_hbase(self, key: bytes, truth: Truth) -> str:
        if key in truth.undecodable:
            return f"undecodable ({truth.undecodable[key]}); last published: {self.expected.get(key, 'nothing')}"
        return str(truth.images.get(key, "no such row"))

    def _remember_splits(self) -> None:
        live = self.loop.env.state.records().state.live
        self.splits.append({self.loop.env.name_of(values): len(version.files) for values, version in live.items()})


def _short(operation: Operation) -> str:
    text = repr(operation)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def pool_of(shape: Shape, seed: int, count: int) -> list[bytes]:
    """About `count` keys, awkward ones among them."""
    dice = random.Random(seed)
    return composite_keys_of(dice, count) if shape.name == "by_key" else keys_of(dice, count)
