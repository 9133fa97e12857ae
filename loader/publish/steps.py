"""The publish protocol, step by step. See docs/how-it-commits.md; each boundary is a point where a crash is safe."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from loader.publish import collect as collecting
from loader.publish import moves, requests
from loader.publish.batch import Batch, Reading
from loader.publish.decide import plan_of
from loader.publish.gather import gather
from loader.publish.preconditions import check_written, require
from loader.publish.read_back import note_written_back
from loader.publish.settling import settle_all
from loader.publish.swap import add_missing, check, conclude, read_back, read_partitions, swap
from loader.sources.api import NO_POLL, EventReader
from loader.state.change_sets import part_of, store_change_set
from loader.state.layout import attempt_id
from loader.state.lock import acquire, table_lock
from loader.state.quarantine import store_rejected
from loader.storage.folders import make_all_dirs
from loader.storage.parallel import each, each_durable
from partitioner.changes.key_index import segment_of
from partitioner.history.kinds import FLAGS, Kind
from partitioner.history.manifest import Intent, Manifest, PartitionMove
from partitioner.history.position import Position
from partitioner.planning.batch_plan import PartitionPlan
from partitioner.planning.counts import count_changes

Step = Callable[[Batch], None]


def scan(batch: Batch) -> None:
    """What the source has that is new. Nothing: no lock, no batch."""
    records = batch.env.state.records()
    batch.poll = batch.given.scan()
    batch.idle = not batch.poll.is_news and not records.state.is_owed and not records.unsettled
    batch.idle = batch.idle and not requests.any_open(batch.env, records.state)


def lock(batch: Batch) -> None:
    batch.lock = table_lock(batch.env)
    acquire(batch.env, batch.lock)


def settle(batch: Batch) -> None:
    """Settle every unsettled attempt; then the state is known. A hold of the whole table stops here."""
    env = batch.env
    env.fences.check_own()
    settle_all(env)
    if env.fences.own is None:
        env.fences.drop_others()
    batch.before = env.state.records().state
    if batch.kind is Kind.BATCH:
        require(batch, "settle")
        _poll_again(batch)
    batch.idle = batch.poll is not None and not batch.poll.is_news and not batch.before.is_owed
    batch.idle = batch.idle and not requests.any_open(env, batch.before)


def _poll_again(batch: Batch) -> None:
    """What was settled, or published by another loader, since the scan has moved the log's position: events between
    the two would come twice, or never."""
    if isinstance(batch.given.reader, EventReader) and batch.poll and batch.poll.since != batch.before.position:
        batch.poll = batch.given.scan()


def claim(batch: Batch) -> None:
    """Take the next batch number. The intent names the fence, so that whoever settles it knows what to drop."""
    env = batch.env
    fence = env.fences.ensure()
    number = env.state.records().next_batch
    while batch.intent is None:
        started = env.clock()
        intent = Intent(
            number, attempt_id(number, started, env.identity.run), batch.kind, env.identity.run, fence, started
        )
        if env.state.claim_batch(intent):
            batch.intent = intent
        number += 1


def collect(batch: Batch) -> None:
    """Re-read the rows under the lock, decode, look up the index, store the change set. Nothing new: no batch."""
    env = batch.env
    requests.forget(env, batch.before)
    news = batch.gathered = gather(env, batch.given, batch.before, batch.poll or NO_POLL)
    require(batch, "collect")
    batch.changes, batch.counts, batch.carried = news.changes, news.counts, news.carried
    if not news.is_news:
        batch.idle = True
        return
    batch.reading = _begin_to_read(batch)
    claim(batch)
    batch.carried = collecting.put_off(batch)
    store_rejected(env.files, env.layout, batch.attempt.attempt, news.rejected)
    store_change_set(env.files, env.layout, batch.attempt.attempt, news.stored)
    batch.gathered = None  # what is stored need not be held as well


def read_live(batch: Batch) -> None:
    """The touched partitions as the metastore has them, and whether somebody else touched them."""
    batch.reading = batch.reading or _begin_to_read(batch)
    put_back = require(batch, "read_live")
    batch.found = batch.reading.partitions()
    note_written_back(batch, put_back)


def _begin_to_read(batch: Batch) -> Reading:
    """Under the lock; `check` reads the partitions again right before the swap.

    What is begun does not hold the batch, which holds it: batches would not go away by themselves.
    """
    env, touched = batch.env, batch.touched
    return Reading(
        cache(env.beside(lambda: env.metastore.table(env.table))),
        cache(env.beside(lambda: read_partitions(env, touched))),
    )


def decide(batch: Batch) -> None:
    """Which files are read, written and linked. Pure from here to the plan."""
    env, work, intent = batch.env, batch.given, batch.attempt
    changes = batch.change_set
    counts = count_changes(changes.rows, changes.partitions)
    batch.plan = plan_of(env, work, batch.before, intent.batch, intent.attempt, counts)


def rewrite(batch: Batch) -> None:
    """Version directories: untouched files linked, touched splits merged, an empty version for what is new."""
    env, plan = batch.env, batch.planned
    make_all_dirs(env.files, [partition.location for partition in plan.partitions])
    each(env.files, lambda link: env.files.link(*link), moves.links(plan))
    if plan.splits:
        batch.results = batch.given.rewriter.rewrite(plan, batch.change_set)


def verify(batch: Batch) -> None:
    """The listing equals the plan, the books balance, and all of it is durable."""
    results = moves.by_partition(batch.results)

    def verified(partition: PartitionPlan) -> PartitionMove:
        mine = results.get(partition.partition, [])
        version = moves.written(batch, partition, mine)
        check_written(batch.env, version.location, version.files)
        moves.check_books(batch, partition, mine, version)
        moves.sync_version(batch, version, partition)
        return moves.move(batch, partition.partition, version)

    batch.moves = tuple(each_durable(batch.env.files, verified, batch.planned.partitions))


def record(batch: Batch) -> None:
    """The index delta, then the manifest: from here on the attempt can be judged by the live locations."""
    env, intent, carried, decided = batch.env, batch.attempt, batch.carried, batch.decided
    makes_rows = FLAGS[intent.kind].writes_versions
    index = _index(batch)
    manifest = Manifest(
        batch=intent.batch,
        attempt=intent.attempt,
        kind=intent.kind,
        fence=intent.fence,
        recorded_ms=env.clock(),
        moves=batch.moves,
        index=index,
        counts=batch.counts,
        position=_position(batch),
        target=decided.target,
        undone=decided.undone,
        owed=decided.owed,
        paid=carried.paid,
        healed=carried.healed,
        answered=carried.answered,
        held=decided.held,
        deferred=carried.deferred or decided.deferred,
        rest=carried.rest,
        released=decided.released,
        taken=carried.taken,
        dropped=decided.dropped,
        watermark=decided.watermark if carried.watermark is None else carried.watermark,
        waiting=decided.waiting,
        definition=env.definition if makes_rows else decided.definition,
        rule=env.rule.id if makes_rows else None,
        parts=(part_of(intent.attempt),) if makes_rows else (),
    )
    env.state.record(manifest)
    batch.manifest = manifest


def _position(batch: Batch) -> Position | None:
    """What the source was read up to, as the newest position of all once this batch is committed."""
    found = batch.poll.position if batch.poll else None
    number = batch.env.state.next_position_number() if found else 0
    return replace(found, number=number, batch=batch.attempt.batch) if found else None


STEPS: tuple[Step, ...] = (
    scan,
    lock,
    settle,
    collect,
    read_live,
    decide,
    rewrite,
    verify,
    record,
    add_missing,
    check,
    swap,
    read_back,
    conclude,
)


def _index(batch: Batch) -> tuple[str, ...]:
    """The index's segments as of this attempt: a rollback names its target's, a batch adds its delta."""
    if batch.index is not None:
        return batch.index
    env = batch.env
    index = collecting.index_of(env, batch.before)
    if env.keystore is None or not len(batch.change_set.rows):
        return index
    names = [env.name_of(partition) for partition in batch.change_set.partitions]
    return (*index, env.keystore.write(batch.attempt.attempt, segment_of(batch.change_set, names)))
