"""What bounds a batch: the merge of workload M in its parts, and how far it is from only moving the bytes.

Parts are processor seconds of one thread, summed over all files; `floor` and `merge` are seconds on the clock with the
threads that the loader uses, everything written and synced.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.table import TWO_FILES_A_DAY, decoded_batch, raw_keys
from bench.workload import FILES_A_DAY, Workload
from loader.datafiles.in_process import LocalRewriter, threads_for
from loader.datafiles.parquet_file import ParquetInput, ParquetOutput, ParquetSettings
from loader.datafiles.split_file import SplitWork, Tools, WriteSettings, works_of
from loader.storage.files import join
from loader.storage.local import LocalFiles, local_path
from partitioner.changes.change_set import META, NOWHERE, ChangeSet
from partitioner.merge.encoding import choose_encoding, with_one_dictionary
from partitioner.merge.merge_split import merge_split
from partitioner.planning.batch_plan import BatchPlan
from partitioner.planning.counts import count_changes
from partitioner.planning.plan import plan_batch
from partitioner.planning.routing import RoutedChanges, route, route_changes
from partitioner.values import AttemptId, Bucket, DataFile, PartitionValues, SplitId, Version

PARTS = ("read", "decode", "probe_and_filter", "encode", "write")
FILES = LocalFiles()
Live = dict[PartitionValues, Version]


def measure(workload: Workload, base: Path, folder: Path, runs: int, cores: int) -> dict[str, Any]:
    """Merge a batch into files that a batch has written before: `base` is another writer's."""
    tools = Tools(FILES, raw_keys, workload.columns, "parquet", ("id",))
    rewriter = LocalRewriter(tools, lambda attempt: str(folder / "temporary" / attempt), threads_for(cores))
    first = _plan(workload, 0, _versions(workload, base), folder / "first")
    live = _published(first, rewriter, _changes(workload, 0))
    changes = _changes(workload, 1)
    merges = []
    for run in range(runs + 1):
        plan = _plan(workload, 1, live, folder / f"run-{run}")
        merges.append(_seconds(lambda plan=plan: _published(plan, rewriter, changes)))  # type: ignore[misc]
    works = works_of(plan)
    floors = [_seconds(lambda run=run: _moved(works, folder / f"floor-{run}", cores)) for run in range(runs + 1)]  # type: ignore[misc]
    return _figures(merges[1:], floors[1:], _parts(works, route_changes(changes, route(plan)), workload, folder), cores)


def _figures(merges: list[float], floors: list[float], parts: dict[str, float], cores: int) -> dict[str, Any]:
    merge, floor = median(merges), median(floors)
    return {
        "merge_seconds": round(merge, 4),
        "floor_seconds": round(floor, 4),
        "times_the_floor": round(merge / floor, 2),
        "parts": {name: round(seconds, 4) for name, seconds in parts.items()},
        "parts_over_cores": round(sum(parts.values()) / cores, 4),
    }


def _seconds(carry_out: Callable[[], object]) -> float:
    started = time.perf_counter()
    carry_out()
    return time.perf_counter() - started


def _versions(workload: Workload, base: Path) -> Live:
    return {(day,): _version(workload, day, base / f"day={day}") for day in workload.days}


def _version(workload: Workload, day: str, folder: Path) -> Version:
    files = []
    for index in range(FILES_A_DAY):
        path = folder / f"{index}.parquet"
        rows = pq.read_metadata(path).num_rows
        files.append(DataFile(path.name, Bucket(index, FILES_A_DAY), rows, path.stat().st_size))
    return Version((day,), AttemptId("base"), str(folder), "parquet", workload.columns, tuple(files))


def _changes(workload: Workload, number: int) -> ChangeSet:
    """A batch with the places that the key index would tell."""
    decoded = decoded_batch(workload, workload.batch(number))
    numbers = pc.utf8_slice_codeunits(decoded.rows[":key"].cast(pa.string()), 2).cast(pa.int64()).to_numpy()
    place = np.full(workload.partitions, NOWHERE)
    for index, (day,) in enumerate(decoded.partitions):
        place[workload.days.index(day)] = index
    origins = np.where(numbers < workload.rows, place[numbers % workload.partitions], NOWHERE).astype(np.int32)
    rows = decoded.rows.add_column(META.get_field_index(":origin"), META.field(":origin"), pa.array(origins))
    return ChangeSet(rows, decoded.partitions)


def _plan(workload: Workload, number: int, live: Live, folder: Path) -> BatchPlan:
    changes = _changes(workload, number)
    plan = plan_batch(
        number,
        AttemptId(folder.name),
        live,
        count_changes(changes.rows, changes.partitions),
        columns=workload.columns,
        format="parquet",
        locate=lambda partition: str(folder / partition[0]),
        parallelism=2,
        rules=TWO_FILES_A_DAY,
    )
    for partition in plan.partitions:
        FILES.make_dirs(partition.location)
    return plan


def _published(plan: BatchPlan, rewriter: LocalRewriter, changes: ChangeSet) -> Live:
    """Carry the plan out; what is live then."""
    files: dict[PartitionValues, list[DataFile]] = {}
    for result in rewriter.rewrite(plan, changes):
        files.setdefault(result.partition, []).append(result.file)
    return {
        part.partition: Version(
            part.partition, plan.attempt, part.location, "parquet", plan.columns, tuple(sorted(files[part.partition]))
        )
        for part in plan.partitions
    }


def _moved(works: tuple[SplitWork, ...], folder: Path, cores: int) -> None:
    """Only the bytes: every file read, written and synced."""
    folder.mkdir()

    def one(numbered: tuple[int, SplitWork]) -> None:
        number, work = numbered
        data = b"".join(FILES.read(join(work.source or "", file.name)) for file in work.split.reads)
        with FILES.new_file(str(folder / f"{number}.writing"), str(folder / str(number))) as stream:
            stream.write(data)
        FILES.sync([str(folder / str(number))])

    with ThreadPoolExecutor(threads_for(cores)) as pool:
        list(pool.map(one, enumerate(works)))


def _parts(works: tuple[SplitWork, ...], routed: RoutedChanges, workload: Workload, folder: Path) -> dict[str, float]:
    spent = dict.fromkeys(PARTS, 0.0)
    for ordinal, work in enumerate(works):
        for name, seconds in zip(PARTS, _one(work, routed.of(ordinal), folder / "part"), strict=True):
            spent[name] += seconds
    return spent


def _one(work: SplitWork, changes: pa.Table, target: Path) -> Iterator[float]:
    """Processor seconds of each part of one file."""
    clock = time.thread_time
    (file,) = work.split.reads
    started = clock()
    data = FILES.read(str(local_path(join(work.source or "", file.name))))
    yield (read := clock()) - started
    source = ParquetInput(BytesIO(data), WriteSettings().batch_bytes)
    batches = list(source.batches(source.dictionaries()))
    schema = batches[0].schema.remove_metadata()
    yield (decoded := clock()) - read
    split = SplitId(work.split.partition, work.split.bucket)
    merged = merge_split(
        ((file.bucket, batch) for batch in batches),
        lambda batch: raw_keys(batch, split.partition),
        changes,
        schema,
        split=split,
    )
    rows = with_one_dictionary(pa.Table.from_batches(list(merged), schema))
    yield (probed := clock()) - decoded
    stream = BytesIO()
    encoding = choose_encoding(rows, whole=True, before=source.remembered())
    output = ParquetOutput(stream, schema, encoding, ParquetSettings())
    output.write(rows)
    output.close()
    yield (encoded := clock()) - probed
    with target.open("wb") as written:
        written.write(stream.getbuffer())
    yield clock() - encoded
