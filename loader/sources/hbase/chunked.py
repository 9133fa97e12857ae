"""Any number of rows read in chunks, some of them side by side."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from loader.sources.hbase.reread import HBaseRowReader
from loader.sources.rows import ReadRows, joined

if TYPE_CHECKING:
    pass


READ_CHUNK = 10_000
"""Rows that are read by one thread at once."""


@dataclass(frozen=True, slots=True)
class ChunkedReader:
    """Reads any number of rows, `threads` chunks in memory at a time as HBase sent them."""

    reader: HBaseRowReader
    threads: int = 1

    def read(self, keys: pa.Array, at_ms: int) -> ReadRows:
        chunks = [keys.slice(start, READ_CHUNK).to_pylist() for start in range(0, max(len(keys), 1), READ_CHUNK)]
        with ThreadPoolExecutor(self.threads) as pool:
            return joined(pool.map(lambda chunk: self.reader.read(chunk, at_ms), chunks))
