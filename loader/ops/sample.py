"""The first rows of an HBase table: raw bytes beside what they become."""

from itertools import groupby
from typing import TYPE_CHECKING

from loader.basics.printable import printable
from loader.mapping import Mapping
from loader.report import reports
from loader.sources.hbase.sample import Sampled, sample
from loader.sources.rows import ReadRows
from loader.wiring.source import connector, reader_of

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings


def sample_rows(
    settings: "Settings", table: "TableSettings", mapping: Mapping, rows: int
) -> tuple[reports.SampledRow, ...]:
    """The first rows of the HBase table: raw bytes beside what they become."""
    with connector(settings)() as client:
        cells = list(sample(client, table.hbase_table, mapping, rows))
        keys = list(dict.fromkeys(cell.key for cell in cells))
    placed = reader_of(settings, table, mapping).read(keys, 0)
    names = _partition_names(placed, mapping)
    return tuple(
        reports.SampledRow(
            printable(key),
            tuple(_sampled(cell, mapping) for cell in group),
            names.get(key),
        )
        for key, group in groupby(cells, key=lambda cell: cell.key)
    )


def _partition_names(read: ReadRows, mapping: Mapping) -> dict[bytes, str]:
    from metastore.names import partition_name  # noqa: PLC0415

    keys = [name for name, _ in mapping.partition_keys]
    names = [partition_name(keys, values) for values in read.partitions]
    targets = zip(read.rows[":key"].to_pylist(), read.rows[":target"].to_pylist(), strict=True)
    return {key: names[target] for key, target in targets if target >= 0}


def _sampled(cell: Sampled, mapping: Mapping) -> reports.SampledCell:
    value = None if cell.value is None else str(cell.value)
    return reports.SampledCell(
        cell.column,
        mapping.place_of(cell.column),
        None if cell.raw is None else printable(cell.raw),
        value,
        cell.reason,
    )
