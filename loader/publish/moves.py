"""Between a plan's partitions and the metastore's: what was written, whether it balances, and what the swap sends."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from loader.basics.errors import Damage
from loader.datafiles.split_file import count_rows, write_empty
from loader.publish.batch import Batch
from loader.publish.parameters import fence_parameters, moved
from loader.state.open_table import Environment
from loader.storage.files import join
from loader.storage.folders import make_all_dirs
from loader.storage.parallel import each_durable
from metastore.api import Partition
from partitioner.history.manifest import PartitionMove
from partitioner.planning.batch_plan import BatchPlan, PartitionPlan, SplitResult
from partitioner.values import PartitionValues, Version, canonical_location


def by_partition(results: Iterable[SplitResult]) -> dict[PartitionValues, list[SplitResult]]:
    grouped: dict[PartitionValues, list[SplitResult]] = {}
    for result in results:
        grouped.setdefault(result.partition, []).append(result)
    return grouped


def links(plan: BatchPlan) -> list[tuple[str, str]]:
    """Every file that goes over to a new version untouched: from where, to where."""
    return [
        (
            join(partition.old.location if partition.old else partition.location, file.name),
            join(partition.location, file.name),
        )
        for partition in plan.partitions
        for file in partition.links
    ]


def write_waiting(env: Environment, new: Sequence[PartitionMove]) -> None:
    """Where each new partition waits, empty, until its swap; and its placeholder."""
    waiting = [move.placeholder or "" for move in new]
    make_all_dirs(env.files, waiting)
    each_durable(env.files, lambda folder: write_empty(env.files, folder, env.columns, env.format), waiting)
    make_all_dirs(env.files, [env.layout.placeholder(env.name_of(move.partition)) for move in new])


def written(batch: Batch, plan: PartitionPlan, results: Sequence[SplitResult]) -> Version:
    """The version that the partition's links and results make."""
    new = [replace(result.file, by=batch.attempt.attempt) for result in results]
    files = tuple(sorted([*plan.links, *new], key=lambda file: file.bucket))
    planned = batch.planned
    return Version(plan.partition, batch.attempt.attempt, plan.location, planned.format, planned.columns, files)


def check_books(batch: Batch, plan: PartitionPlan, results: Sequence[SplitResult], version: Version) -> None:
    """before − deleted − moved out + inserted + moved in = after, for the whole partition; `after` by the footers."""
    for file in (result.file for result in results):
        found = count_rows(batch.env.files, join(version.location, file.name), version.format)
        if found != file.rows:
            raise Damage(
                f"{version.location}/{file.name} holds {found} rows, but its merge came to {file.rows}",
                "Nothing was published. This is a bug or a broken file system: keep the state folder and report it.",
            )
    balance = (plan.old.rows if plan.old else 0) + sum(
        result.inserted + result.moved_in - result.deleted - result.moved_out for result in results
    )
    if balance != version.rows:
        raise Damage(
            f"the books of partition {batch.env.name_of(plan.partition)} of {batch.env.table} do not balance:"
            f" {balance} rows expected, {version.rows} written",
            "Nothing was published. This is a bug or damaged files: keep the state folder and report it.",
        )


def sync_version(batch: Batch, version: Version, plan: PartitionPlan) -> None:
    files = batch.env.files
    linked = {file.name for file in plan.links}
    files.sync(join(version.location, file.name) for file in version.files if file.name not in linked)
    files.sync([version.location])  # the folders that lead there were durable when they were made


def move(batch: Batch, partition: PartitionValues, version: Version) -> PartitionMove:
    env = batch.env
    seen = batch.found.get(partition)
    if seen is not None:
        return PartitionMove(partition, seen.location, version)
    empty = env.layout.empty_version(env.name_of(partition), batch.attempt.attempt)
    return PartitionMove(partition, None, version, canonical_location(empty))


def empty_version(batch: Batch, partition: PartitionValues) -> Version:
    """A version of this attempt without rows: a partition that has none any more is not dropped."""
    env, attempt = batch.env, batch.attempt.attempt
    location = canonical_location(env.layout.version(env.name_of(partition), attempt))
    env.files.make_dirs(location)
    file = replace(write_empty(env.files, location, env.columns, env.format), by=attempt)
    return Version(partition, attempt, location, env.format, env.columns, (file,))


def empty_partition(batch: Batch, move: PartitionMove) -> Partition:
    env = batch.env
    nothing = Version(move.partition, batch.attempt.attempt, move.placeholder or "", env.format, env.columns, ())
    bare = Partition(move.partition, nothing.location, env.columns_of(env.columns), env.storage, {})
    return moved(bare, nothing, batch.attempt.batch, env.clock() // 1000, bare.columns, env.storage)


def swapped(batch: Batch) -> list[Partition]:
    """The fence first, then the partitions in sorted order: concurrent calls meet in one order."""
    env, intent = batch.env, batch.attempt
    now_s = env.clock() // 1000
    swapped = [
        moved(
            batch.found[move.partition],
            move.new,
            intent.batch,
            now_s,
            env.columns_of(move.new.columns),
            env.storage,
        )
        for move in sorted(batch.moves, key=lambda move: move.partition)
    ]
    if intent.fence is None:
        return swapped
    fence = batch.found[intent.fence]
    parameters = fence_parameters(fence.parameters, intent.batch, intent.attempt)
    return [replace(fence, parameters=parameters), *swapped]
