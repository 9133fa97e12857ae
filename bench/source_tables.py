"""The HBase tables that `bench/source.py` measures, and the server they lie on."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from devservers import fetch
from devservers.hbase import HBase
from devservers.hbase_conf import JAVA_OPTIONS, PROPERTIES, site
from devservers.jvm import Jvm
from devservers.site import write_conf
from loader.mapping.build import build_mapping
from loader.sources.hbase.access.filters import rows_filter
from loader.sources.hbase.access.where import SERVERS, THRIFT, Where
from loader.sources.hbase.reread import CHUNK
from loader.sources.hbase.thrift2.client import Endpoint, TColumnValue, Thrift2, TPut

NAMES = [f"c{number}" for number in range(10)]
KINDS = ["string", "bigint", "string", "int", "string", "bigint", "double", "string", "string", "string"]
BINARY = {"bigint": 8, "int": 4, "double": 8}
WIDE = build_mapping(
    {"id": "string", **dict(zip(NAMES, KINDS, strict=True))},
    ":key," + ",".join(f"d:{name}{'#b' if kind in BINARY else ''}" for name, kind in zip(NAMES, KINDS, strict=True)),
)
LONG = build_mapping({"id": "string", "c0": "string"}, ":key,d:c0")
_BATCH = 2_000


class FastHBase(HBase):
    """As in the tests, but compiled for speed, and with room for a million rows."""

    def _launch(self) -> Jvm:
        conf = write_conf(self.base / "conf", "hbase-site", site(self.base, self.ports) | self.settings)
        slow = ("-Xmx512m", "-XX:TieredStopAtLevel=1")
        options = [option for option in JAVA_OPTIONS if option not in slow] + ["-Xmx2g"]
        properties = PROPERTIES | {"java.io.tmpdir": str(conf)}
        return Jvm.launch("HBase", [str(conf), f"{fetch.fetch_all()}/*"], self.base / "hbase.log", options, properties)

    @property
    def version(self) -> str:
        return str(self._java.util.VersionInfo.getVersion())

    @property
    def processor_seconds(self) -> float:
        """Of the server's process up to now, which is also the Java client's."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def java_scan(self, table: str, raw: bool) -> int:
        """Rows that the Java client's scanner hands out, a thousand a call."""
        scan = self._java.client.Scan().setCaching(1000).setCacheBlocks(False)
        scan.setRaw(raw)
        return self._scanned(table, scan)

    def java_reread(self, table: str, keys: Sequence[bytes]) -> int:
        """As `java_scan`, but through the filter and for the columns with which hotswap reads rows again."""
        return sum(self._scanned(table, self._filtered(keys[at : at + CHUNK])) for at in range(0, len(keys), CHUNK))

    def _filtered(self, keys: Sequence[bytes]) -> Any:
        protobuf = self._java.shaded.protobuf
        chosen = protobuf.generated.FilterProtos.Filter.parseFrom(rows_filter(keys))
        scan = self._java.client.Scan().setCaching(1000).setCacheBlocks(False)
        scan.setFilter(protobuf.ProtobufUtil.toFilter(chosen))
        scan.withStartRow(keys[0]).withStopRow(keys[-1] + b"\0")
        for family, qualifier in WIDE.qualifiers:
            scan.addColumn(family, qualifier)
        return scan

    def _scanned(self, table: str, scan: Any) -> int:
        opened = self._inside.connection.getTable(self._name(table))
        scanner = opened.getScanner(scan)
        rows = 0
        while got := len(scanner.next(1000)):
            rows += got
        scanner.close()
        opened.close()
        return rows

    @property
    def _java(self) -> Any:
        return self._inside.hadoop.hbase


def ways(hbase: HBase) -> dict[str, Where]:
    """Both ways to the same HBase."""
    return {"thrift": Where(THRIFT, (hbase.thrift,)), "rpc": Where(SERVERS, (hbase.rpc,))}


def key_of(number: int) -> bytes:
    return b"row%09d" % number


def make(hbase: HBase, table: str, rows: int, regions: int, cells: Callable[[int], dict[bytes, bytes]]) -> None:
    """A table of so many rows in regions of equal size, flushed."""
    hbase.create_table(table, ["d"], splits=[key_of(rows * number // regions) for number in range(1, regions)])
    put(hbase, table, range(rows), cells)
    hbase.flush(table)


def put(hbase: HBase, table: str, numbers: range, cells: Callable[[int], dict[bytes, bytes]]) -> None:
    """Rows by number, a few thousand a call."""
    with Thrift2(Endpoint.parse(hbase.thrift)) as thrift:
        for start in range(0, len(numbers), _BATCH):
            puts = [_put(key_of(number), cells(number)) for number in numbers[start : start + _BATCH]]
            thrift.put_multiple(table, puts)


def _put(key: bytes, cells: dict[bytes, bytes]) -> Any:
    values = [TColumnValue(family=b"d", qualifier=name, value=value) for name, value in cells.items()]
    return TPut(row=key, columnValues=values)


def wide_cells(number: int) -> dict[bytes, bytes]:
    return {
        name.encode(): number.to_bytes(BINARY[kind], "big") if kind in BINARY else b"value %d" % number
        for name, kind in zip(NAMES, KINDS, strict=True)
    }


def long_cells(number: int) -> dict[bytes, bytes]:
    return {b"c0": b"value %d" % number}
