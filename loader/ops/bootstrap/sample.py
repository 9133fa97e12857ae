"""How much there is, from a sample of the regions: rows, partitions, bytes a row; with its error, by a deadline."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from loader.sources.hbase.key_ranges import Ranges
from partitioner.planning.counts import ratio_of, scale_up
from partitioner.values import Estimate

REGIONS = 8
CHANCE = 0.02
"""The share of a sampled region's rows that is sent. The server reads them all."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`rows` of the whole table; `bytes_per_row` as stored; errors are shares, inf: nothing is known.

    `regions` of `of` were read; `late`: the deadline came first.
    """

    rows: Estimate
    bytes_per_row: Estimate | None
    partitions: int
    regions: int
    of: int
    late: bool


def take_sample(
    ranges: Ranges, deadline_s: float, elapsed: Callable[[], float], regions: int = REGIONS, chance: float = CHANCE
) -> Sample:
    """Regions evenly spread over the key space, one after the other, until `deadline_s` of `elapsed` is over."""
    known = ranges.regions()
    chosen = [known[index * len(known) // min(regions, len(known))] for index in range(min(regions, len(known)))]
    parts: list[tuple[int, int]] = []  # bytes by rows
    hits: list[int] = []
    partitions: set[tuple[str, ...]] = set()
    for start, stop in chosen:
        if elapsed() >= deadline_s:
            break
        tables = []
        for block in ranges.sampled(start, stop, chance):
            tables.append(block.table)
            partitions.update(block.partitions)
            if elapsed() >= deadline_s:
                break
        else:
            hits.append(sum(len(table) for table in tables))
        if seen := sum(len(table) for table in tables):
            parts.append((seen, _stored(pa.concat_tables(tables))))
    rows = _rows(hits, len(known), chance)
    return Sample(rows, _per_row(parts), len(partitions), len(hits), len(known), len(hits) < len(chosen))


def _rows(hits: list[int], regions: int, chance: float) -> Estimate:
    """Rows of all regions: what was seen in some, and how much those differ."""
    if not hits:
        return Estimate(0.0, math.inf)
    seen = scale_up(sum(hits), chance)
    if len(hits) == regions:
        return seen
    if len(hits) == 1:
        return Estimate(seen.value * regions, math.inf)
    spread = ratio_of([(1, count) for count in hits])
    return Estimate(seen.value * regions / len(hits), math.hypot(seen.error, spread.error))


def _per_row(parts: list[tuple[int, int]]) -> Estimate | None:
    return ratio_of(parts) if parts else None


def _stored(table: pa.Table) -> int:
    """Bytes as a Parquet file holds them, its footer aside."""
    sink = BytesIO()
    pq.write_table(table, sink, compression="snappy")
    found = pq.ParquetFile(sink).metadata
    return sum(found.row_group(index).total_byte_size for index in range(found.num_row_groups))
