"""What may happen to a table behind hotswap's back, done to the table of a stage."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from loader.storage.local import local_path
from metastore.api import Partition
from tests.cli.stage import Stage
from tests.world import TABLE


def partition(stage: Stage, day: str) -> Partition:
    (found,) = stage.metastore.partitions(TABLE, [(day,)])
    return found


def alter(stage: Stage, day: str, **changes: object) -> None:
    """One partition rewritten as another program would."""
    stage.metastore.alter_partitions(TABLE, [replace(partition(stage, day), **changes)])  # type: ignore[arg-type]


def files(stage: Stage, day: str) -> list[Path]:
    return sorted(local_path(partition(stage, day).location).glob("[!_.]*"))


def rewrite(stage: Stage, day: str, *rows: tuple[str, int]) -> None:
    """The first file of a partition holds these (id, clicks), and its manifest says that this is right."""
    path = files(stage, day)[0]
    pq.write_table(pa.table({"id": [row[0] for row in rows], "clicks": [row[1] for row in rows]}), path)
    for manifest in (stage.folder / "table/_hotswap/state/log").glob("*.manifest.json"):
        plain = json.loads(manifest.read_text())
        for move in plain["moves"]:
            for file in move["new"]["files"]:
                if path == local_path(move["new"]["location"]) / file["name"]:
                    file.update(rows=len(rows), bytes=path.stat().st_size)
        manifest.write_text(json.dumps(plain))
    alter(stage, day, parameters={**partition(stage, day).parameters, "numRows": str(len(rows))})
