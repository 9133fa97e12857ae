"""Rows from all over an HBase table: raw bytes beside what they become. Needs no Hive and writes nothing."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from loader.basics.printable import printable
from loader.mapping import Mapping
from loader.mapping.guess import guess, suspicious
from loader.report import reports
from loader.sources.hbase.sample import Sampled, sample
from loader.sources.rows import ReadRows
from loader.wiring.mapping import mapping_of
from loader.wiring.source import connector, inspect_source, reader_of

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings


def sample_table(settings: "Settings", table: "TableSettings", rows: int) -> reports.SampleReport:
    """Up to `rows` rows. Raises NoSuchTable, NoSuchFamily, Unavailable."""
    mapping = mapping_of(table)
    regions = inspect_source(settings, table, mapping)
    with connector(settings)() as client:
        cells = list(sample(client, table.hbase_table, mapping, rows))
    keys = list(dict.fromkeys(cell.key for cell in cells))
    placed = reader_of(settings, table, mapping).read(keys, 0)
    names, problems = _partition_names(placed, mapping), _problems(placed)
    return reports.SampleReport(
        table=str(table.hive_table),
        hbase_table=table.hbase_table,
        regions=regions,
        rows=tuple(
            reports.SampledRow(
                printable(key), tuple(_sampled(cell, mapping) for cell in group), names.get(key), problems.get(key)
            )
            for key, group in groupby(cells, key=lambda cell: cell.key)
        ),
        guesses=tuple(_guesses(cells, mapping)),
    )


def _partition_names(read: ReadRows, mapping: Mapping) -> dict[bytes, str]:
    from metastore.names import partition_name  # noqa: PLC0415

    keys = [name for name, _ in mapping.partition_keys]
    names = [partition_name(keys, values) for values in read.partitions]
    targets = zip(read.rows[":key"].to_pylist(), read.rows[":target"].to_pylist(), strict=True)
    return {key: names[target] for key, target in targets if target >= 0}


def _problems(read: ReadRows) -> dict[bytes, str]:
    """With the column, which the reason does not name."""
    return {row.key: f"{row.column}: {row.reason}" if row.column else row.reason for row in read.rejected}


def _guesses(cells: Sequence[Sampled], mapping: Mapping) -> Iterator[str]:
    """For each column of which a cell failed, or that was hardly meant so."""
    for name, hive in mapping.types:
        raws = [cell.raw for cell in cells if cell.column == name and cell.raw is not None]
        fails = any(cell.reason for cell in cells if cell.column == name)
        is_part = name in mapping.row_key.names and len(mapping.row_key.names) > 1
        if is_part or not (fails or suspicious(hive, raws)):
            continue
        if told := guess(hive, raws):
            yield f"{name} ({mapping.place_of(name)}, {hive.text}): {told}?"


def _sampled(cell: Sampled, mapping: Mapping) -> reports.SampledCell:
    value = None if cell.value is None else str(cell.value)
    return reports.SampledCell(
        cell.column,
        mapping.place_of(cell.column),
        None if cell.raw is None else printable(cell.raw),
        value,
        cell.reason,
    )
