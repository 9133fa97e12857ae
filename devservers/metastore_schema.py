"""A metastore's complete schema, lock tables included, made once and copied for each new server.

`datanucleus.schema.autoCreateAll` leaves out the transaction and lock tables, so Hive's own scripts make it (for 2.3
the 1.2.0 schema and its four upgrades). The result is an empty Derby database in the cache, 4 s to make and nothing to
copy.
"""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

from py4j.protocol import Py4JJavaError

from devservers import paths
from devservers.archives import extract
from devservers.errors import DevServerError
from devservers.hive_release import HIVE_2_3, HiveRelease, publish_folder
from devservers.jvm import Jvm


def template(release: HiveRelease = HIVE_2_3) -> Path:
    """The folder of an empty Derby database with the schema, to be copied; made on first use, whole or not at all."""
    derby = paths.pyspark_jar("derby").stem
    archive = release.archive()
    made = paths.cache_folder() / "metastore" / f"schema-{release.schema}-{derby}-{archive.name}"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent, prefix="making-") as folder:
            publish_folder(_make(release, archive, Path(folder)), made)
    return made


def derby_properties(folder: Path) -> dict[str, str]:
    """System properties that keep Derby's own files in `folder`."""
    return {"derby.system.home": str(folder), "derby.stream.error.file": str(folder / "derby.log")}


def _make(release: HiveRelease, archive: Path, folder: Path) -> Path:
    database = folder / "derby"
    jvm = Jvm.launch(
        "Derby", [f"{paths.pyspark_jars()}/*"], folder / "schema.log", ("-Xmx256m",), derby_properties(folder)
    )
    try:
        for script in extracted_scripts(release, archive, folder, "derby"):
            _run(jvm, database, script)
        _shut_down(jvm)
    finally:
        jvm.kill()
    return database


def extracted_scripts(release: HiveRelease, archive: Path, folder: Path, database: str) -> list[Path]:
    """The release's schema scripts for `database` (derby, postgres), below `folder`, in their order."""
    with tarfile.open(archive) as opened:
        members = [opened.getmember(name) for name in release.script_members(database)]
        extract(opened, folder, members)
    return [folder / member.name for member in members]


def _run(jvm: Jvm, database: Path, script: Path) -> None:
    java = jvm.java.java
    output = java.io.ByteArrayOutputStream()
    connection = java.sql.DriverManager.getConnection(f"jdbc:derby:{database};create=true;user=APP;password=mine")
    errors = jvm.java.org.apache.derby.tools.ij.runScript(
        connection, java.io.FileInputStream(str(script)), "UTF-8", output, "UTF-8"
    )
    connection.close()
    if errors:
        raise DevServerError(
            f"{script.name} failed in {errors} statements", "this is a bug, please report it", output.toString()[-4000:]
        )


def _shut_down(jvm: Jvm) -> None:
    """Ask Derby to write all and close, which it always answers by an exception (SQLState XJ015)."""
    try:
        jvm.java.java.sql.DriverManager.getConnection("jdbc:derby:;shutdown=true")
    except Py4JJavaError as error:
        if error.java_exception.getSQLState() != "XJ015":
            raise
