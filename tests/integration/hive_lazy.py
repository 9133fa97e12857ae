"""What Hive itself reads of an HBase cell: its own HBaseSerDe, LazyHBaseRow and lazy types, in a Java of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devservers import fetch, paths
from devservers.hive_release import HIVE_4_0
from devservers.jvm import Jvm

HANDLER = "hbasehandler"
OPTIONS = ("-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC")


def class_path(version: str) -> list[str]:
    """The handler, the serde of that Hive, and HBase. The handler is 2.3.9's: Hive 4 publishes none."""
    handler = f"{fetch.fetch_all(HANDLER)}/*"
    if version == "2.3.10":
        return [handler, f"{paths.pyspark_jars()}/*", f"{fetch.fetch_all()}/*"]
    return [handler, f"{fetch.fetch_all('hiveserver2')}/*", *HIVE_4_0.class_path()]


class Hive:
    """One Hive. Made by `started`."""

    def __init__(self, jvm: Jvm) -> None:
        self._jvm, self._java = jvm, jvm.java
        self._hive = self._java.org.apache.hadoop.hive

    def reads(self, kind: str, cells: Sequence[bytes], binary: bool = False) -> list[Any]:
        """What a column of this type shows of each: None, or a number, text, or bool as JSON has it; decimals as text.

        All cells are columns of one row, so that Java is asked once.
        """
        shown = self._row(*_columns(kind, cells, "#b" if binary else ""))
        return [shown[f"v{number}"] for number in range(len(cells))]

    def reads_bytes(self, cells: Sequence[bytes]) -> list[bytes | None]:
        """What a binary column shows of each."""
        row, inspector = self._deserialized(*_columns("binary", cells, ""))
        inspectors = self._hive.serde2.objectinspector.ObjectInspectorUtils
        return list(inspectors.copyToStandardJavaObject(row, inspector))[1:]

    def reads_map(self, item: str, cells: Mapping[str, bytes]) -> Mapping[str, Any]:
        """What a map column of a whole family shows."""
        shown = self._row(["string", f"map<string,{item}>"], ["k", "m"], [":key", "d:"], cells)
        found: Mapping[str, Any] = shown["m"]
        return found

    def origin(self) -> str:
        """The name of the jar that its lazy types come from."""
        kind = self._java.java.lang.Class.forName("org.apache.hadoop.hive.serde2.lazy.LazyDate")
        return Path(kind.getProtectionDomain().getCodeSource().getLocation().getPath()).name

    def _row(self, *columns: Any) -> dict[str, Any]:
        text = self._hive.serde2.SerDeUtils.getJSONString(*self._deserialized(*columns))
        shown: dict[str, Any] = json.loads(text, parse_float=str, strict=False)
        return shown

    def _deserialized(
        self, kinds: Sequence[str], names: Sequence[str], places: Sequence[str], cells: Mapping[str, bytes]
    ) -> tuple[Any, Any]:
        """The row as Hive has it, and its inspector."""
        properties = self._java.java.util.Properties()
        properties.setProperty("columns", ",".join(names))
        properties.setProperty("columns.types", ":".join(kinds))
        properties.setProperty("hbase.columns.mapping", ",".join(places))
        serde = self._hive.hbase.HBaseSerDe()
        serde.initialize(self._java.org.apache.hadoop.conf.Configuration(False), properties)
        return serde.deserialize(self._result(cells)), serde.getObjectInspector()

    def _result(self, cells: Mapping[str, bytes]) -> Any:
        hbase = self._java.org.apache.hadoop.hbase
        found = [hbase.KeyValue(b"k", b"d", name.encode(), value) for name, value in sorted(cells.items())]
        cells_of_row = self._jvm.array("org.apache.hadoop.hbase.Cell", found)
        return self._hive.hbase.ResultWritable(hbase.client.Result.create(cells_of_row))


def _columns(
    kind: str, cells: Sequence[bytes], suffix: str
) -> tuple[list[str], list[str], list[str], dict[str, bytes]]:
    """Types, names and places of a table whose every column but the first is one of the cells."""
    names = [f"v{number}" for number in range(len(cells))]
    places = [":key", *(f"d:{name}{suffix}" for name in names)]
    return ["string", *[kind] * len(cells)], ["k", *names], places, dict(zip(names, cells, strict=True))


@contextmanager
def started(version: str, folder: Path) -> Iterator[Hive]:
    """A Hive, 2.3.10 or 4.0.1, until the end of the block."""
    jvm = Jvm.launch(f"Hive {version}", class_path(version), folder / "log", OPTIONS)
    try:
        yield Hive(jvm)
    finally:
        jvm.kill()
