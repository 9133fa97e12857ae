"""One comparison from begin to end. See docs/reconcile.md.

Hive is read once, as of one state of the table whose low watermark is known; HBase range by range after that. A row
that differs is drift if no cell of it, hidden or not, is as young as that watermark: no window that is still to come
will see it, and all that came before should have been in. Any other difference is left open; it is drift if it still
stands once the watermark has passed the moment at which HBase was read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from loader.basics.errors import Conflict, Held
from loader.basics.moments import passed
from loader.ops.reconcile.bad_rows import BadRows, listed_keys
from loader.ops.reconcile.compare import Looked, Step, compare
from loader.ops.reconcile.digests import VERSION, Digests
from loader.ops.reconcile.hive_now import HiveNow
from loader.ops.reconcile.hive_side import HiveSide, scratch_folder
from loader.ops.reconcile.pace import Pace
from loader.ops.reconcile.store import Store
from loader.ops.reconcile.tally import Outcome, Progress, Tally, Told
from loader.ops.reconcile.values import STALE_MS, Begun, Done, Drift, DriftKind, Piece, Range, TableMapping
from loader.ops.reconcile.waits import Waits, low_watermark
from loader.publish.shares import SMALL_DELETE
from loader.sources.hbase.key_ranges import Block, Ranges
from loader.state import rereads
from loader.state.gaps import debts, pay
from loader.state.open_table import Environment
from partitioner.values import Version

PIECE_ROWS = 100_000
"""Rows of both sides after which what was found is stored: at most so much is compared again after a kill."""
POLL_S = 5.0


@dataclass(frozen=True, slots=True)
class Rules:
    """`rate`: rows a second of HBase, 0: no limit. `wait_s`: how long open differences may take to settle.

    `repair`: hand what stands to the next batch. `fresh`: begin anew, though one was left in the middle.
    """

    rate: float = 0.0
    wait_s: float = 900.0
    repair: bool = False
    max_delete_share: float = 0.5
    fresh: bool = False


@dataclass(slots=True)
class Reconcile:
    """One run of the comparison. `export` is given everything that stands, once.

    `confirm`: asked before a repair that would delete many rows: (how many, of how many); raises NeedsConfirmation.
    `scratch`: a table's folder on this machine.
    """

    env: Environment
    reader: Ranges
    mapping: TableMapping
    rules: Rules
    confirm: Callable[[int, int], None]
    told: Told = lambda progress: None
    export: Callable[[Drift], None] = lambda drift: None
    piece_rows: int = PIECE_ROWS
    scratch: Callable[[str], Path] = scratch_folder
    tally: Tally = field(default_factory=Tally)
    listed: frozenset[bytes] = frozenset()  # in quarantine

    @property
    def digest(self) -> str:
        """What is on disk is gone on with only for the same rows."""
        rows = self.env.definition.digest if self.env.definition else self.mapping.digest
        return f"{rows} {VERSION}"

    def run(self) -> Outcome:
        """Raises Held, Conflict (never loaded, or another comparison runs here), what `confirm` and reading raise."""
        self._check_ready()
        store = Store(self.env.files, self.env.layout)
        hive = HiveSide(self.scratch(self.env.layout.table) / "hive.duckdb")
        finished = False
        try:
            begun = self._resumed(store)
            low = self._hive_side(hive, resumed=begun is not None)
            begun = begun or store.begin(self.env.clock(), self.digest, self._ranges())
            outcome = self._compare(store, hive, begun, low)
            finished = True
            return outcome
        finally:
            hive.close(delete=finished)

    def _check_ready(self) -> None:
        state = self.env.state.records().state
        if state.whole_hold is not None:
            raise Held(
                f"{self.env.table} is held: it is meant to differ from HBase",
                f"`hotswap resume {self.env.table}` ends the hold.",
            )
        if self.env.state.position() is None:
            raise Conflict(f"{self.env.table} was never loaded", f"Run `hotswap run {self.env.table}` first.")

    def _resumed(self, store: Store) -> Begun | None:
        begun = None if self.rules.fresh else store.unfinished()
        if begun is None or begun.digest != self.digest or passed(self.env.clock(), begun.begun_ms, STALE_MS):
            return None
        return begun

    def _ranges(self) -> tuple[Range, ...]:
        return tuple(Range(start, stop) for start, stop in self.reader.regions())

    # Hive, once

    def _hive_side(self, hive: HiveSide, resumed: bool) -> int:
        """The low watermark of the state that was read: what was settled before the state was looked at is in it."""
        known = hive.low_ms(self.digest) if resumed else None
        if known is not None:
            return known
        low = low_watermark(self.env)
        state = self.env.state.records().state
        live = {self.env.name_of(partition): version for partition, version in state.live.items()}

        def raw_keys(batch: pa.RecordBatch, version: Version) -> pa.Array:
            return self.mapping.raw_keys(batch, version.partition)

        hive.make(
            self.env.files,
            live,
            self.mapping.columns,
            raw_keys,
            low,
            self.digest,
            lambda rows: self.told(Progress("hive", 0, 0, rows, 0)),
        )
        return low

    # HBase, range by range

    def _compare(self, store: Store, hive: HiveSide, begun: Begun, low: int) -> Outcome:
        pace = Pace(self.rules.rate, self.env.clock, self.env.sleep)
        hive.forget_found()
        self.listed = listed_keys(self.env)
        open_: list[Drift] = []
        for at, one in enumerate(begun.ranges):
            for piece in self._pieces(store, hive, begun, at, one, low, pace):
                self._take(hive, piece.drift)
                self.tally.add(piece)
                open_ += piece.open
                self._tell("hbase", at, begun)
        self.tally.late = len({drift.key for drift in open_})
        self._settle_open(hive, open_)
        return self._end(store, hive, begun)

    def _tell(self, phase: str, at: int, begun: Begun) -> None:
        self.told(Progress(phase, at, len(begun.ranges), self.tally.hbase_rows, self.tally.drift))

    def _pieces(
        self, store: Store, hive: HiveSide, begun: Begun, at: int, whole: Range, low: int, pace: Pace
    ) -> Iterator[Piece]:
        """Those that are stored, then those that are compared now.

        Where another process stored a piece first, that of a loader that was killed, say, this goes on behind theirs:
        their pieces end elsewhere.
        """
        start, number, ended = whole.start, 0, False
        for piece in store.pieces(begun, at):
            yield piece
            start, number, ended = _behind(piece, start), number + 1, piece.upto is None
        while not ended:
            for mine in self._compared(hive, Range(start, whole.stop), low, pace):
                piece = store.put(begun, at, number, mine)
                yield piece
                start, number, ended = _behind(piece, start), number + 1, piece.upto is None
                if piece.upto != mine.upto:
                    break

    def _compared(self, hive: HiveSide, rest: Range, low: int, pace: Pace) -> Iterator[Piece]:
        digests = Digests(self.mapping.columns)
        bad = BadRows(self.listed, rest)

        def looked() -> Iterator[Looked]:
            for block in self.reader.blocks(rest.start, rest.stop):
                pace.took(len(block.keys))
                bad.seen += [row.key for row in block.rejected]
                yield self._looked(digests, block)

        steps: list[Step] = []
        for step in compare(looked(), hive.entries(rest.start, rest.stop)):
            steps.append(step)
            if sum(done.hbase_rows + done.hive_rows for done in steps) >= self.piece_rows:
                yield self._piece(steps, step.upto, bad, low)
                steps = []
        yield self._piece(steps, None, bad, low)

    def _looked(self, digests: Digests, block: Block) -> Looked:
        names = pa.array([self.env.name_of(values) for values in block.partitions], pa.string())
        partitions = names.take(pa.array(block.targets, pa.int32()))
        bad = frozenset(row.key for row in block.rejected)
        return Looked(digests.entries(block.keys, block.table, partitions), block.last, bad)

    def _piece(self, steps: list[Step], upto: bytes | None, bad: BadRows, low: int) -> Piece:
        read_ms = self.env.clock()
        rejected, unnoticed = bad.cut(upto)
        found = [drift for step in steps for drift in step.drift]
        known = {drift.key for drift in found}
        found += [drift for drift in unnoticed if drift.key not in known]
        young = self.reader.touched_since(sorted({drift.key for drift in found}), low) if found else set()
        return Piece(
            upto,
            read_ms,
            sum(step.hbase_rows for step in steps),
            sum(step.hive_rows for step in steps),
            rejected,
            tuple(drift for drift in found if drift.key not in young),
            tuple(drift for drift in found if drift.key in young),
        )

    # What is open

    def _settle_open(self, hive: HiveSide, open_: list[Drift]) -> None:
        """Look again until nothing is open, the time is over, or nobody moves the watermark."""
        waits = Waits(self.env, self.rules.wait_s)
        now = HiveNow(self.env, self.reader, self.mapping)
        while open_:
            open_ = self._look_again(hive, now, open_, waits)
            if not open_ or waits.over():
                break
            self.told(Progress("settling", 0, len(open_), self.tally.hbase_rows, self.tally.drift))
            self.env.sleep(POLL_S)
        self.tally.unsettled = len(open_)

    def _look_again(self, hive: HiveSide, now: HiveNow, open_: list[Drift], waits: Waits) -> list[Drift]:
        """What is still open. The watermark is read first, Hive's state second, HBase third, young cells last."""
        low = waits.low()
        still = now.differing(open_)
        read_ms = self.env.clock()
        young = self.reader.touched_since(sorted({drift.key for drift in still}), low) if still else set()
        stands = tuple(
            drift for drift, digest in still.items() if drift.key not in young or waits.stood(drift.key, digest, low)
        )
        for drift, digest in still.items():
            waits.remember(drift.key, digest, read_ms)
        self._take(hive, stands)
        self.tally.found(stands)
        return [drift for drift in still if drift not in stands]

    # The end

    def _take(self, hive: HiveSide, drift: tuple[Drift, ...]) -> None:
        for one in drift:
            self.export(one)
        if drift:
            rows = pa.table({"key": [one.key for one in drift], "partition": [one.partition for one in drift]})
            hive.put_found(rows.cast(pa.schema([("key", pa.binary()), ("partition", pa.string())])))

    def _end(self, store: Store, hive: HiveSide, begun: Begun) -> Outcome:
        tally = self.tally
        asks = self._repair(store, hive, begun) if self.rules.repair and tally.drift else ()
        done = Done(
            number=begun.number,
            begun_ms=begun.begun_ms,
            ended_ms=self.env.clock(),
            digest=self.mapping.digest,
            hbase_rows=tally.hbase_rows,
            hive_rows=tally.hive_rows,
            rejected=tally.rejected,
            drift=tally.kinds,
            unsettled=tally.unsettled,
            repaired=bool(asks) or not tally.drift,
            asks=asks,
            columns=tuple(name for name, _ in self.mapping.columns),
        )
        if done.repaired:
            self._pay(begun)
        store.finish(done)
        samples = {kind: tuple(found) for kind, found in tally.samples.items()}
        return Outcome(done, tally.partitions, samples, tally.late)

    def _repair(self, store: Store, hive: HiveSide, begun: Begun) -> tuple[str, ...]:
        """Without a yes to many deletes it has not ended: what it found is kept for the one who gives it."""
        extra = self.tally.kinds.get(DriftKind.EXTRA, 0)
        many = extra > max(SMALL_DELETE, self.rules.max_delete_share * self.tally.hive_rows)
        if many:
            store.wait_for_a_yes(begun, extra)
            self.confirm(extra, self.tally.hive_rows)
        asker = rereads.Asker("reconcile", self.env.identity.run, self.env.clock, confirmed=many)
        return rereads.ask(self.env.files, self.env.layout, hive.found(), asker)

    def _pay(self, begun: Begun) -> None:
        for debt in debts(self.env.files, self.env.layout):
            if debt.since_ms <= begun.begun_ms:
                pay(self.env.files, self.env.layout, debt, self.env.clock(), f"reconcile {begun.number}")


def _behind(piece: Piece, start: bytes) -> bytes:
    """The first key that is not in the piece."""
    return start if piece.upto is None else piece.upto + b"\0"
