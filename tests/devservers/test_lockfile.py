"""The lock file: what it says of each artifact, and that it can be renewed without losing its comments."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devservers import lockfile, paths
from devservers.errors import DevServerError

_TEXT = f"""# why
org.example:ads:1.0 {"a" * 64} 10

org.example:sql:2.1:bin/tar.gz {"b" * 64} 20
"""


def test_line_names_the_file_of_its_artifact() -> None:
    assert [artifact.file_name for artifact in lockfile.parse(_TEXT)] == ["ads-1.0.jar", "sql-2.1-bin.tar.gz"]


def test_renewed_lock_keeps_comments_and_order() -> None:
    renewed = {artifact.coordinates: replace(artifact, sha256="c" * 64) for artifact in lockfile.parse(_TEXT)}
    assert lockfile.rewritten(_TEXT, renewed) == _TEXT.replace("a" * 64, "c" * 64).replace("b" * 64, "c" * 64)


@pytest.mark.parametrize("line", ["org.example:ads 00 10", "org.example:ads:1.0 00", "org.example:ads:1.0 00 ten"])
def test_line_that_is_no_artifact_is_told_with_its_number(line: str) -> None:
    with pytest.raises(DevServerError, match="line 2 of the lock file is not an artifact: 'org"):
        lockfile.parse(f"# why\n{line}\n")


@pytest.mark.parametrize("group", paths.groups())
def test_lock_of_the_project_names_each_file_once(group: str) -> None:
    names = [artifact.file_name for artifact in lockfile.parse(paths.lock_file(group).read_text())]
    assert len(names) == len(set(names)) > 0


def test_unknown_group_is_told_with_those_that_are_known() -> None:
    with pytest.raises(DevServerError, match=r"no group 'hive5': groups are .*hive4, .*jars"):
        paths.lock_file("hive5")
