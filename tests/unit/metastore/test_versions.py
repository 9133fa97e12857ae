"""Telling servers apart."""

from __future__ import annotations

import pytest

from metastore.api import Version
from metastore.versions import detect, loader_lock_type, refuses_duplicates, seconds


@pytest.mark.parametrize(
    ("says", "knows_uuid", "version"),
    [
        ("3.0", False, (2, 3, 0)),
        ("3.0", True, (3, 0, 0)),
        ("3.1.3", True, (3, 1, 3)),
        ("4.0.1", True, (4, 0, 1)),
        ("4.2.0-SNAPSHOT", True, (4, 2, 0)),
        ("3.1.3000.7.1.9.0-387", True, (3, 1, 3000)),
    ],
)
def test_versions_are_told_from_the_servers_answers(says: str, knows_uuid: bool, version: Version) -> None:
    assert detect(says, knows_uuid)[0] == version


def test_an_answer_without_numbers_is_no_version() -> None:
    with pytest.raises(ValueError, match="getVersion"):
        detect("hello", True)


@pytest.mark.parametrize(("version", "type_"), [((2, 3, 0), 2), ((3, 1, 3), 2), ((4, 0, 0), 4), ((4, 2, 0), 4)])
def test_the_lock_type_follows_the_version(version: Version, type_: int) -> None:
    assert loader_lock_type(version) == type_


@pytest.mark.parametrize(("version", "refuses"), [((2, 3, 0), False), ((3, 1, 3), False), ((4, 0, 1), True)])
def test_duplicates_are_refused_from_4_on(version: Version, refuses: bool) -> None:
    assert refuses_duplicates(version) is refuses


@pytest.mark.parametrize(
    ("text", "length"),
    [("300s", 300), ("300", 300), ("5 min", 300), ("5m", 300), ("1h", 3600), ("500ms", 0.5), ("?", 7)],
)
def test_durations_are_read_as_hive_writes_them(text: str, length: float) -> None:
    assert seconds(text, 7) == length
