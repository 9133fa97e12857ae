"""The Hive releases whose metastores can be started: where their jars and their SQL scripts come from.

The archives hold all that a metastore needs but Hadoop, which HBase's jars bring along.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devservers import fetch, lockfile, paths
from devservers.archives import extract

_SCRIPTS = "apache-hive-metastore-{version}-bin/scripts/metastore/upgrade/{database}/{script}.{database}.sql"
_LIBRARY = "apache-hive-metastore-{version}-bin/lib/"


@dataclass(frozen=True, slots=True)
class HiveRelease:
    """One Hive: `artifact` of a `group`'s lock file, in `packed` version, has its jars and the `scripts` of its schema.

    For 2.3 there is no such archive: the scripts of 3.1.3's lead there too, and the jars come with pyspark.
    """

    version: str
    group: str
    artifact: str
    packed: str
    schema: str
    scripts: tuple[str, ...]

    def archive(self) -> Path:
        """Its archive in the cache, fetched if need be."""
        found = next(a for a in lockfile.parse(paths.lock_file(self.group).read_text()) if a.name == self.artifact)
        return fetch.fetch_all(self.group) / found.file_name

    def script_members(self, database: str) -> tuple[str, ...]:
        """The names of the schema's scripts in the archive; `database`: derby or postgres."""
        return tuple(_SCRIPTS.format(version=self.packed, database=database, script=name) for name in self.scripts)

    def class_path(self) -> list[str]:
        """The metastore's jars with pyspark's Derby, which runs on Java 17, before HBase's for the sake of Hadoop."""
        derby = sorted(str(jar) for jar in paths.pyspark_jars().glob("derby*.jar"))
        return [*derby, f"{self._unpacked_library()}/*", f"{fetch.fetch_all(self.group)}/*", f"{fetch.fetch_all()}/*"]

    def _unpacked_library(self) -> Path:
        made = paths.cache_folder() / "metastore" / f"lib-{self.version}"
        inside = _LIBRARY.format(version=self.packed)
        return unpacked(self.archive(), made, inside, lambda name: name.endswith(".jar") and "derby" not in name)


HIVE_2_3 = HiveRelease(
    "2.3.10",
    "jars",
    "hive-standalone-metastore",
    "3.1.3",
    "2.3.0",
    (
        "hive-schema-1.2.0",
        "upgrade-1.2.0-to-2.0.0",
        "upgrade-2.0.0-to-2.1.0",
        "upgrade-2.1.0-to-2.2.0",
        "upgrade-2.2.0-to-2.3.0",
    ),
)
HIVE_3_1 = HiveRelease("3.1.3", "jars", "hive-standalone-metastore", "3.1.3", "3.1.0", ("hive-schema-3.1.0",))
HIVE_4_0 = HiveRelease("4.0.1", "hive4", "hive-standalone-metastore-server", "4.0.1", "4.0.0", ("hive-schema-4.0.0",))


def unpacked(archive: Path, made: Path, inside: str, wanted: Callable[[str], bool]) -> Path:
    """`made`, filled with the archive's files below `inside` whose names are wanted: once, whole or not at all."""
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent, prefix="making-") as folder, tarfile.open(archive) as opened:
            members = [m for m in opened.getmembers() if m.name.startswith(inside) and wanted(m.name)]
            extract(opened, folder, members)
            publish_folder(Path(folder, inside), made)
    return made


def publish_folder(folder: Path, made: Path) -> None:
    """Rename it into the cache; if another process was first, its result is as good."""
    try:
        os.rename(folder, made)
    except OSError:
        if not made.exists():
            raise
        shutil.rmtree(folder)
