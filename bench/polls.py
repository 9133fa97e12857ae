"""What a poll costs: of a table in which nothing changed, and of one with a few changed rows, wherever they lie."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rich.console import Console

from bench.source_tables import LONG, FastHBase, long_cells, make, put, ways
from loader.sources.hbase.access.where import Where
from loader.sources.hbase.connect import connector
from loader.sources.hbase.reread import HBaseRowReader
from loader.sources.hbase.scan import is_any_in, scan_window
from loader.sources.hbase.windows import Window

CHANGED = 200
RUNS = 5


def measure(hbase: FastHBase, table: str, rows: int, console: Console) -> dict[str, Any]:
    """Seconds of polls, five each: nothing changed (`idle`); `CHANGED` rows found (`changed_…`), read again
    (`reread_…`), or both (`whole_…`), while they are in memory, in a file of their own, and in the one large file.
    `look` is the idle check. Through Thrift2, and by HBase's own RPC (`rpc_…`).
    """
    console.print(f"loading {rows} rows of one cell …")
    make(hbase, table, rows, 2, long_cells)
    return {"rows": rows, "changed": CHANGED} | {
        f"{head}{name}": seconds
        for head, where in (("", ways(hbase)["thrift"]), ("rpc_", ways(hbase)["rpc"]))
        for name, seconds in _of_way(hbase, where, table, rows, console).items()
    }


def _of_way(hbase: FastHBase, where: Where, table: str, rows: int, console: Console) -> dict[str, list[float]]:
    poll = _Poll(where, table)
    found = {"idle": _times(lambda: not poll.find()), "look": _times(lambda: not poll.look())}
    put(hbase, table, range(0, rows, rows // CHANGED)[:CHANGED], lambda number: {b"c0": b"new"})
    settle: dict[str, Callable[[str], None]] = {
        "in_memory": lambda _: None,
        "flushed": hbase.flush,
        "compacted": hbase.major_compact,
    }
    for place, move in settle.items():
        move(table)
        found[f"changed_{place}"] = _times(lambda: len(poll.find()) == CHANGED)
        keys = poll.find()
        found[f"reread_{place}"] = _times(partial(_all_read, poll, keys))
        found[f"whole_{place}"] = _times(lambda: poll.read(poll.find()) == CHANGED)
    console.print(found)
    return found


class _Poll:
    """Looks for what changed since it was made."""

    def __init__(self, where: Where, table: str) -> None:
        self._connect = connector(where)
        self._table, self._since = table, _now()
        self._reader = HBaseRowReader(self._connect, table, LONG)

    def find(self) -> list[bytes]:
        window = Window(self._since, _now(), False, self._since)
        keys: list[bytes] = scan_window(self._connect, self._table, LONG.families, window).keys.to_pylist()
        return keys

    def look(self) -> bool:
        with self._connect() as client:
            return is_any_in(client, self._table, LONG.families, Window(self._since, _now(), False, self._since))

    def read(self, keys: list[bytes]) -> int:
        return len(self._reader.read(keys, 0).rows)


def _all_read(poll: _Poll, keys: list[bytes]) -> bool:
    return poll.read(keys) == CHANGED


def _times(action: Callable[[], bool]) -> list[float]:
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        if not action():
            raise AssertionError("a poll found something else than was changed")
        seconds.append(round(time.perf_counter() - started, 4))
    return seconds


def _now() -> int:
    return time.time_ns() // 1_000_000 + 1
