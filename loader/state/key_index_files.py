"""The key index on files: segments are Arrow IPC files, memory-mapped where they can be."""

import secrets
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from loader.state.arrow_objects import read_arrow
from loader.state.layout import Layout
from loader.state.names import names
from loader.state.objects import damaged, size_of
from loader.storage.files import Files
from partitioner.changes.key_index import FAN, compaction, count_living, look_up, merge_segments, stored
from partitioner.history.merged_segments import Compaction, best_merge, merged_name
from partitioner.values import AttemptId

KEYED = pa.schema([("hash", pa.uint32()), ("key", pa.binary())])
_REBUILD = "Stop the loader; `hotswap verify TABLE --rebuild-index` makes the key index anew from the live files."


class KeyStore:
    """Writes each segment once; keeps the opened ones, for none changes.

    `fan`: so many segments are merged at the least. `token`: what tells two merges of one run apart.
    """

    def __init__(
        self, files: Files, layout: Layout, fan: int = FAN, token: Callable[[], str] = lambda: secrets.token_hex(4)
    ) -> None:
        self._files, self._layout, self._fan, self._token = files, layout, fan, token
        self._opened: dict[str, pa.Table] = {}

    def look_up(self, segments: Sequence[str], hashes: np.ndarray, keys: pa.Array) -> pa.Array:
        """Escaped partition name of each key, null where the key lives nowhere."""
        return look_up([self.open(name) for name in segments], hashes, keys)

    def count_living(self, segments: Sequence[str]) -> int:
        """How many keys live somewhere."""
        return count_living([self.open(name) for name in segments])

    def write(self, attempt: AttemptId, segment: pa.Table) -> str:
        """Store an attempt's delta; its name goes into the manifest. A delta is valid only if that is committed."""
        return self._store(f"{attempt}.arrow", segment)

    def write_piece(self, attempt: AttemptId, number: int, segment: pa.Table) -> str:
        """One of several segments of an attempt that makes the index anew."""
        return self._store(f"{attempt}-{number:04d}.arrow", segment)

    def compact(self, segments: Sequence[str]) -> Compaction | None:
        """Merge neighbours where it pays; None: it does not. A manifest may name the merged segment in their place."""
        run = compaction([self.open(name).num_rows for name in segments], self._fan)
        if run is None:
            return None
        chosen, bottom = tuple(segments[run]), run.start == 0
        merged = merge_segments([self.open(name) for name in chosen], oldest=bottom)
        return Compaction(chosen, self._store(merged_name(chosen, bottom, self._token()), merged), bottom)

    def names(self) -> tuple[str, ...]:
        """Every segment that is stored, whether a manifest names it or not."""
        return tuple(names(self._files, self._layout, "index"))

    def merge_waiting(self, segments: tuple[str, ...]) -> Compaction | None:
        """What an earlier loader, or another one, has merged of these segments and no manifest has taken up yet."""
        return best_merge(self.names(), segments)

    def has(self, name: str) -> bool:
        """Whether the segment's file is there."""
        return self._files.exists(self._layout.index_segment(name))

    def close_others(self, segments: Sequence[str]) -> None:
        """Keep only these open: a mapped file that was deleted still takes its space."""
        self._opened = {name: table for name, table in list(self._opened.items()) if name in segments}

    def size(self, name: str) -> int:
        """Bytes of a segment's file."""
        return size_of(self._files, self._layout.index_segment(name), _REBUILD)

    def _store(self, name: str, segment: pa.Table) -> str:
        sink, table = pa.BufferOutputStream(), stored(segment)
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        self._files.create(self._layout.index_segment(name), sink.getvalue().to_pybytes())
        return name

    def open(self, name: str) -> pa.Table:
        """One segment, sorted by hash."""
        segment = self._opened.get(name)
        if segment is None:
            path = self._layout.index_segment(name)
            try:
                segment = self._opened[name] = read_arrow(self._files, path, KEYED, _REBUILD)
            except FileNotFoundError as error:
                raise damaged(path, "is missing, and a manifest names it", _REBUILD) from error
        return segment
