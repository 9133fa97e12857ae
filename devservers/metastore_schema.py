"""The metastore's complete 2.3 schema, lock tables included, made once and copied for each new server.

`datanucleus.schema.autoCreateAll` leaves out the transaction and lock tables, so Hive's own scripts make it: the 1.2.0
schema and its four upgrades. The result is an empty Derby database in the cache, 4 s to make and nothing to copy.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from py4j.protocol import Py4JJavaError

from devservers import fetch, lockfile, paths
from devservers.errors import DevServerError
from devservers.jvm import Jvm

_SCRIPTS = (
    "hive-schema-1.2.0",
    "upgrade-1.2.0-to-2.0.0",
    "upgrade-2.0.0-to-2.1.0",
    "upgrade-2.1.0-to-2.2.0",
    "upgrade-2.2.0-to-2.3.0",
)
_IN_ARCHIVE = "apache-hive-metastore-3.1.3-bin/scripts/metastore/upgrade/derby/{}.derby.sql"
_ARCHIVE = "hive-standalone-metastore"


def template() -> Path:
    """The folder of an empty Derby database with the schema, to be copied; made on first use, whole or not at all."""
    archive = next(artifact for artifact in lockfile.parse(paths.LOCK.read_text()) if artifact.name == _ARCHIVE)
    derby = paths.pyspark_jar("derby").stem
    made = paths.cache_folder() / "metastore" / f"schema-2.3.0-{derby}-{archive.sha256[:12]}"
    if not made.exists():
        jars = fetch.fetch_all()
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent, prefix="making-") as folder:
            _rename(_make(jars / archive.file_name, Path(folder)), made)
    return made


def derby_properties(folder: Path) -> dict[str, str]:
    """System properties that keep Derby's own files in `folder`."""
    return {"derby.system.home": str(folder), "derby.stream.error.file": str(folder / "derby.log")}


def _make(archive: Path, folder: Path) -> Path:
    database = folder / "derby"
    jvm = Jvm.launch(
        "Derby", [f"{paths.pyspark_jars()}/*"], folder / "schema.log", ("-Xmx256m",), derby_properties(folder)
    )
    try:
        for script in _extract(archive, folder):
            _run(jvm, database, script)
        _shut_down(jvm)
    finally:
        jvm.kill()
    return database


def _extract(archive: Path, folder: Path) -> list[Path]:
    with tarfile.open(archive) as opened:
        members = [opened.getmember(_IN_ARCHIVE.format(name)) for name in _SCRIPTS]
        opened.extractall(folder, members, filter="data")
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


def _rename(database: Path, made: Path) -> None:
    try:
        os.rename(database, made)
    except OSError:
        if not made.exists():  # another process was first: its result is as good
            raise
        shutil.rmtree(database)
