"""A table as version 0.1.0 left it, with its whole state folder in format 1: `tests/data/format1.zip`.

Four batches: a load of 40 keys; an update that moves, a delete, an insert; a row that cannot be decoded; one more after
a checkpoint, and a quiet position at the end.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metastore.api import PARQUET, Column, Partition
from metastore.memory import InMemoryMetastore
from tests.world import COLUMNS, TABLE, Row, Source, create_table

ARCHIVE = Path(__file__).with_name("data") / "format1.zip"
WAS_AT = "/tmp/format1/table"
"""Where it was made."""
COLUMNS_OF_HIVE = tuple(Column(name, kind) for name, kind in COLUMNS)


@dataclass
class Old:
    """`source`: what the rows were then, with the bad one mended. `rows`: what a reader saw."""

    place: Path
    store: InMemoryMetastore
    source: Source
    rows: dict[str, Row]


def unpack(folder: Path) -> Old:
    """Lay it out below `folder`, registered in a metastore of its own."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder)
    place = folder / "table"
    for path in place.rglob("*.json"):
        path.write_text(path.read_text().replace(WAS_AT, str(place)))
    told: dict[str, Any] = json.loads((folder / "metastore.json").read_text().replace(WAS_AT, str(place)))
    store = InMemoryMetastore(clock=lambda: 1_700_000_000.0)
    create_table(store, place)
    store.add_partitions(
        TABLE,
        [
            Partition(tuple(item["values"]), item["location"], COLUMNS_OF_HIVE, PARQUET, item["parameters"])
            for item in told["partitions"]
        ],
    )
    source = Source(rows={key.encode(): tuple(row) for key, row in told["source"].items()}, clock=told["clock"])  # type: ignore[misc]
    return Old(place, store, source, {key: tuple(row) for key, row in told["rows"].items()})  # type: ignore[misc]
