"""Rewrite one split of a file in a process of its own, and tell the most memory that Arrow ever held.

python -m tests.integration.peak FOLDER FORMAT GROUPS [SORT_BY…] → bytes
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import orc

from loader.datafiles.orc_file import OrcSettings
from loader.datafiles.split_file import SplitWork, Tools, WriteSettings, rewrite_split
from loader.storage.local import LocalFiles
from partitioner.changes.change_set import Routed
from partitioner.planning.batch_plan import SplitPlan
from partitioner.values import Bucket, DataFile, Estimate, PartitionValues

MEBIBYTE = 1 << 20
COLUMNS = (("id", "string"), ("text", "string"), ("number", "bigint"))
ROW_BYTES = 240
ROWS_A_GROUP = 4 * MEBIBYTE // ROW_BYTES
WHOLE = Bucket(0, 1)


def rows(start: int, count: int) -> pa.Table:
    numbers = pa.array(np.arange(start, start + count))
    ids = pc.utf8_lpad(numbers.cast(pa.string()), 12, "0")
    return pa.table({"id": ids, "text": pc.binary_repeat(ids, 18), "number": numbers})


def build(path: Path, format: str, groups: int) -> DataFile:
    """A file of so many row groups (stripes) of 4 MB."""
    tables = [rows(number * ROWS_A_GROUP, ROWS_A_GROUP) for number in range(groups)]
    if format == "orc":
        with orc.ORCWriter(path, stripe_size=4 * MEBIBYTE) as stripes:
            for table in tables:
                stripes.write(table)
    else:
        with pq.ParquetWriter(path, tables[0].schema, compression="none", use_dictionary=False) as writer:
            for table in tables:
                writer.write_table(table)
    return DataFile(path.name, WHOLE, groups * ROWS_A_GROUP, path.stat().st_size)


def raw_keys(batch: pa.RecordBatch, partition: PartitionValues) -> pa.Array:
    return batch.column("id").cast(pa.binary())


def updates(count: int) -> pa.Table:
    few = rows(5, count)
    meta = {
        ":key": few["id"].cast(pa.binary()),
        ":kind": pa.array([int(Routed.UPDATE)] * count, pa.int8()),
        ":version": pa.array([1] * count, pa.int64()),
    }
    return pa.table([*meta.values(), *few.columns], names=[*meta, *few.column_names])


def rewrite(folder: Path, format: str, file: DataFile, sort_by: tuple[str, ...]) -> DataFile:
    settings = WriteSettings(
        orc=OrcSettings("none", 4 * MEBIBYTE),
        row_group_bytes=4 * MEBIBYTE,
        batch_bytes=MEBIBYTE,
        sort_by=sort_by,
        sort_bytes=8 * MEBIBYTE,
    )
    tools = Tools(LocalFiles(), raw_keys, COLUMNS, format, settings=settings)
    split = SplitPlan(("p",), WHOLE, (file,), f"new.{format}", Estimate(3), 0, 0.0, Estimate(0.0))
    (folder / "new").mkdir()
    work = SplitWork(split, str(folder), format, str(folder / "new"))
    return rewrite_split(work, updates(3), tools, str(folder / "temporary")).file


def main() -> None:
    folder, format, groups, sort_by = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), tuple(sys.argv[4:])
    path = folder / f"old.{format}"
    if path.exists():
        file = DataFile(path.name, WHOLE, groups * ROWS_A_GROUP, path.stat().st_size)
        assert rewrite(folder, format, file, sort_by).rows == file.rows
        print(pa.default_memory_pool().max_memory())
    else:
        build(path, format, groups)


if __name__ == "__main__":
    main()
