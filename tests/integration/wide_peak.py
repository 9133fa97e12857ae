"""Read one row again, and every row's dirty keys, in a process of its own, and tell what memory that took.

python -m tests.integration.wide_peak THRIFT TABLE KEY → bytes of the row, peak of the re-read, peak of the scan
"""

import sys
from collections.abc import Callable
from pathlib import Path

from loader.mapping.build import build_mapping
from loader.sources.hbase.access.where import Where
from loader.sources.hbase.connect import connector
from loader.sources.hbase.reread import HBaseRowReader
from loader.sources.hbase.scan import scan_window
from loader.sources.hbase.windows import Window
from loader.sources.rows import ReadRows

MAPPING = build_mapping({"id": "string", "campaign": "string", "rest": "map<string,binary>"}, ":key,d:c,w:")


_STATUS = Path("/proc/self/status")


def peak_of(action: Callable[[], object]) -> int:
    """Bytes by which the process grows at its largest, while that is done."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _bytes("VmRSS")
    action()
    return _bytes("VmHWM") - before


def _bytes(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) << 10


def main() -> None:
    where, table, key = sys.argv[1:]
    connect = connector(Where.of_text(where))
    reader = HBaseRowReader(connect, table, MAPPING)
    reader.read([b"narrow"], 0)  # what any read takes
    window = Window(0, 1 << 62, True, 0)
    scanned = peak_of(lambda: scan_window(connect, table, MAPPING.families, window))
    found: list[ReadRows] = []
    read = peak_of(lambda: found.append(reader.read([key.encode()], 0)))
    assert found[0].rows.num_rows + len(found[0].rejected) == 1
    print(found[0].rows.nbytes, read, scanned)


if __name__ == "__main__":
    main()
