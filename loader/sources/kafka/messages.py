"""librdkafka's messages as Arrow columns."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from loader.sources.api import MESSAGES
from loader.sources.kafka import client

_NO_TIME = -1
HEADERS = pa.field(":headers", pa.map_(pa.string(), pa.binary()))


class Messages:
    """Gathers the messages of one partition, column by column, until they are asked for as a batch."""

    def __init__(self, part: str, headers: bool) -> None:
        self._part, self._headers = part, headers
        self._message = client.kafka().Message
        self._clear()

    def _clear(self) -> None:
        self.bytes, self._count = 0, 0
        self._chunks: list[list[pa.Array]] = []

    def __len__(self) -> int:
        return self._count

    def add(self, messages: Sequence[Any], offsets: "np.ndarray[Any, Any]") -> None:
        """`offsets`: of these messages."""
        message, count = self._message, len(messages)
        times = np.fromiter(map(itemgetter(1), map(message.timestamp, messages)), np.int64, count)
        keys, values = (pa.array(map(take, messages), pa.binary(), size=count) for take in (message.key, message.value))
        columns = [pa.array(offsets), pa.array(times, mask=times == _NO_TIME), keys, values]
        if self._headers:
            columns.append(pa.array([one.headers() for one in messages], HEADERS.type))
        self._chunks.append(columns)
        self.bytes += keys.nbytes + values.nbytes
        self._count += count

    def batch(self) -> pa.RecordBatch:
        """All that was added since the last one."""
        schema = MESSAGES.append(HEADERS) if self._headers else MESSAGES
        part = pa.DictionaryArray.from_arrays(pa.array(np.zeros(self._count, np.int32)), [self._part])
        columns = [
            chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks) for chunks in zip(*self._chunks, strict=True)
        ]
        self._clear()
        return pa.record_batch([part, *columns], schema=schema)
