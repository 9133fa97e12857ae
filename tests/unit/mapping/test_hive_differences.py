"""What the docs say of where we differ from Hive is what the test against Hive's own classes holds."""

import re
from pathlib import Path

import pytest

from loader.mapping.codecs import codec_for
from loader.mapping.hive_types import parse_hive_type
from tests.hive_differences import DIFFERENCES, Difference, Side, table

DOCS = Path(__file__).parents[3] / "docs" / "sources.md"
FULL = {"decimal": "decimal(10,2)", "varchar": "varchar(3)", "char": "char(3)"}


def test_the_docs_show_every_difference() -> None:
    shown = re.search(r"<!-- differences -->\n(.*?)<!-- /differences -->", DOCS.read_text(), re.DOTALL)
    assert shown is not None
    assert shown[1] == table(), "put what tests.hive_differences.table() gives between the marks in docs/sources.md"


@pytest.mark.parametrize("told", DIFFERENCES, ids=lambda told: told.what)
def test_an_example_is_decoded_as_the_table_says(told: Difference) -> None:
    for kind in told.kinds:
        hive = parse_hive_type(FULL.get(kind, kind))
        column, reasons = codec_for(hive, told.binary).decode([told.example])
        assert (column[0].is_valid, bool(reasons)) == (told.side is not Side.HIVE, told.side is Side.HIVE)
        assert told.concerns(hive.text, told.binary, told.versions[0], told.side, told.example)


@pytest.mark.parametrize("told", DIFFERENCES, ids=lambda told: told.what)
def test_no_difference_hides_another(told: Difference) -> None:
    for kind in told.kinds:
        for version in told.versions:
            concerned = [d for d in DIFFERENCES if d.concerns(kind, told.binary, version, told.side, told.example)]
            assert concerned == [told]
