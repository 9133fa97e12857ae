"""Single keys, looked at in Hive's files and in HBase as they are now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from loader.datafiles.split_file import read_rows
from loader.ops.reconcile.bad_rows import listed_keys, unnoticed
from loader.ops.reconcile.compare import Looked, compare
from loader.ops.reconcile.digests import ENTRY, Digests
from loader.ops.reconcile.values import Drift, DriftKind, TableMapping
from loader.sources.hbase.key_ranges import Ranges
from loader.state.key_index_files import KeyStore
from loader.state.open_table import Environment
from loader.storage.files import join
from metastore.names import parse_partition_name
from partitioner.changes.hashing import Hashes, hashes_of
from partitioner.values import DataFile, Version


@dataclass(frozen=True, slots=True)
class HiveNow:
    """Compares a few keys. `differing` reads Hive's committed state first and HBase after it."""

    env: Environment
    reader: Ranges
    mapping: TableMapping

    def differing(self, suspects: Sequence[Drift]) -> dict[Drift, int | None]:
        """Those of the keys that differ now, as they differ now, with HBase's digest (None: no such row)."""
        keys = sorted({drift.key for drift in suspects})
        digests = Digests(self.mapping.columns)
        hive, listed = self._hive(keys, suspects, digests), listed_keys(self.env) & set(keys)
        looked, known, bad = [], dict[bytes, int](), set[bytes]()
        for block in self.reader.rows(keys):
            names = pa.array([self.env.name_of(values) for values in block.partitions], pa.string())
            partitions = names.take(pa.array(block.targets, pa.int32()))
            entries = digests.entries(block.keys, block.table, partitions)
            known.update(zip(entries["key"].to_pylist(), entries["digest"].to_pylist(), strict=True))
            rejected = frozenset(row.key for row in block.rejected)
            looked.append(Looked(entries, block.last, rejected))
            bad |= rejected
        found = {drift.key: drift for drift in unnoticed(bad, listed)}
        found |= {drift.key: drift for step in compare(iter(looked), iter([hive])) for drift in step.drift}
        return {drift: known.get(key) for key, drift in found.items()}

    def _hive(self, keys: list[bytes], suspects: Iterable[Drift], digests: Digests) -> pa.Table:
        """Their entries, sorted by key: in every partition where they may be, only the files of their buckets.

        One that stood twice may be anywhere: where the other one is no index tells.
        """
        state = self.env.state.records().state
        wanted = pa.array(keys, pa.binary())
        hashes = hashes_of(wanted)
        places = self._places(wanted, suspects, state.index)
        doubled = {drift.key for drift in suspects if drift.kind is DriftKind.DOUBLED}
        if doubled:
            for partition in state.live:
                places.setdefault(self.env.name_of(partition), set()).update(doubled)
        found = [ENTRY.empty_table()]
        for name, these in places.items():
            version = state.live.get(tuple(parse_partition_name(name).values()))
            if version is None:
                continue
            for file, mine in _files(version, keys, hashes, these):
                found.append(self._in_file(name, version, file, mine, digests))
        return pa.concat_tables(found).sort_by("key")

    def _places(self, keys: pa.Array, suspects: Iterable[Drift], index: Sequence[str]) -> dict[str, set[bytes]]:
        """Partition name → the keys that may be there: where they were found, and where the key index has them."""
        places: dict[str, set[bytes]] = {}
        for drift in suspects:
            if drift.partition:
                places.setdefault(drift.partition, set()).add(drift.key)
        if self.mapping.partition_from_key:
            return places
        names = KeyStore(self.env.files, self.env.layout).look_up(index, hashes_of(keys), keys)
        for key, name in zip(keys.to_pylist(), names.to_pylist(), strict=True):
            if name is not None:
                places.setdefault(name, set()).add(key)
        return places

    def _in_file(self, name: str, version: Version, file: DataFile, keys: pa.Array, digests: Digests) -> pa.Table:
        found = [ENTRY.empty_table()]
        path = join(version.location, file.name)
        for batch in read_rows(self.env.files, path, version.format, self.mapping.columns):
            raw = self.mapping.raw_keys(batch, version.partition)
            mask = pc.is_in(raw, keys)
            rows = batch.filter(mask)
            if len(rows):
                found.append(digests.entries(raw.filter(mask), rows, pa.array([name] * len(rows), pa.string())))
        return pa.concat_tables(found)


def _files(version: Version, keys: list[bytes], hashes: Hashes, these: set[bytes]) -> list[tuple[DataFile, pa.Array]]:
    """The files that may hold some of `these`, with the keys of their bucket."""
    mine = [(key, int(hash_)) for key, hash_ in zip(keys, hashes, strict=True) if key in these]
    chosen = []
    for file in version.files:
        inside = [key for key, hash_ in mine if hash_ & (file.bucket.count - 1) == file.bucket.index]
        if inside:
            chosen.append((file, pa.array(inside, pa.binary())))
    return chosen
