"""What a swap writes into a partition: exact statistics, batch and attempt; stale statistics of any engine go."""

import json
from collections.abc import Mapping
from dataclasses import replace

from metastore.api import Column, Partition, StorageFormat
from partitioner.values import Version

BATCH = "hotswap.batch"
ATTEMPT = "hotswap.attempt"

STALE_PREFIXES = ("spark.sql.statistics.", "impala_intermediate_stats_")
STALE = frozenset({"COLUMN_STATS_ACCURATE", "rawDataSize", "STATS_GENERATED", "STATS_GENERATED_VIA_STATS_TASK"})


def moved(
    partition: Partition,
    version: Version,
    batch: int,
    now_s: int,
    columns: tuple[Column, ...],
    storage: StorageFormat,
) -> Partition:
    """`partition` as it stands once it points to `version`."""
    return replace(
        partition,
        location=version.location,
        columns=columns,
        format=storage,
        parameters=swapped_parameters(partition.parameters, version, batch, now_s),
    )


def swapped_parameters(old: Mapping[str, str], version: Version, batch: int, now_s: int) -> dict[str, str]:
    """Hive answers count(*) from numRows when BASIC_STATS is true: it is exact here (4-hive-facts 2)."""
    kept = {name: value for name, value in old.items() if not _is_stale(name)}
    return kept | {
        "numRows": str(version.rows),
        "numFiles": str(len(version.files)),
        "totalSize": str(version.bytes),
        "transient_lastDdlTime": str(now_s),
        "COLUMN_STATS_ACCURATE": json.dumps({"BASIC_STATS": "true"}, separators=(",", ":")),
        BATCH: str(batch),
        ATTEMPT: version.attempt,
    }


def fence_parameters(old: Mapping[str, str], batch: int, attempt: str) -> dict[str, str]:
    """A fence must be changed by its swap, so that the server writes its row and a drop has to wait for the call."""
    return {**old, BATCH: str(batch), ATTEMPT: attempt}


def _is_stale(name: str) -> bool:
    return name in STALE or name.startswith(STALE_PREFIXES)
