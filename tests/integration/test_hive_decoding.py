"""A cell decodes as in Hive's HBase handler: held against its own classes over some hundred cells a type.

Where we differ, one difference of tests/hive_differences.py says why; and each of them is met.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from loader.mapping.build import build_mapping
from loader.mapping.codecs import codec_for
from loader.mapping.hive_types import parse_hive_type
from tests.hive_differences import DIFFERENCES, HIVE_2, HIVE_4, Side
from tests.integration.hive_cells import BINARY, WRITTEN, binary_cells, text_cells
from tests.integration.hive_lazy import Hive, started
from tests.unit.mapping.builders import row


@pytest.fixture(scope="module", params=[HIVE_2, pytest.param(HIVE_4, marks=pytest.mark.slow)])
def version(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def hive(version: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hive]:
    with started(version, tmp_path_factory.mktemp("hive")) as made:
        assert version in made.origin()
        yield made


def ours(kind: str, binary: bool, cells: list[bytes]) -> list[Any]:
    """The values as Hive shows its own; None: a reason, or NULL."""
    column, _ = codec_for(parse_hive_type(kind), binary).decode(cells)
    return [None if value is None else comparable(kind, shown(kind, value)) for value in column.to_pylist()]


def shown(kind: str, value: Any) -> Any:
    text = str(value)
    return text.rstrip("0") if kind == "timestamp" and "." in text else value if isinstance(value, (int, str)) else text


def comparable(kind: str, value: Any) -> Any:
    """The same for equal values, whoever spells them."""
    match kind.partition("(")[0]:
        case "float" | "double":
            return str(pa.scalar(str(value)).cast(parse_hive_type(kind).arrow).as_py())
        case "decimal":
            return Decimal(str(value))
        case "char":
            return value.rstrip(" ")
    return value


def theirs(hive: Hive, kind: str, binary: bool, cells: list[bytes]) -> list[Any]:
    return [None if value is None else comparable(kind, value) for value in hive.reads(kind, cells, binary)]


def side_of(mine: Any, hives: Any) -> Side | None:
    if mine == hives:
        return None
    return Side.HIVE if mine is None else Side.OURS if hives is None else Side.OTHER


ASKED = [*((kind, False) for kind in WRITTEN), *((kind, True) for kind in BINARY)]


def differing(hive: Hive, kind: str, binary: bool) -> Iterator[tuple[bytes, Side, Any, Any]]:
    cells = binary_cells() if binary else text_cells(kind)
    for cell, mine, hives in zip(cells, ours(kind, binary, cells), theirs(hive, kind, binary, cells), strict=True):
        if side := side_of(mine, hives):
            yield cell, side, hives, mine


@pytest.mark.parametrize(("kind", "binary"), ASKED, ids=[f"{kind}{'#b' * binary}" for kind, binary in ASKED])
def test_every_cell_decodes_as_in_hive_or_a_difference_says_why(
    hive: Hive, version: str, kind: str, binary: bool
) -> None:
    unexplained = [
        (cell, side.value, hives, mine)
        for cell, side, hives, mine in differing(hive, kind, binary)
        if sum(told.concerns(kind, binary, version, side, cell) for told in DIFFERENCES) != 1
    ]
    assert unexplained == []


def test_each_difference_is_one_of_hives_own(hive: Hive, version: str) -> None:
    """Its example is decoded otherwise there, on the side that it says."""
    stale = []
    for told in DIFFERENCES:
        kind = "decimal(10,2)" if told.kinds[0] == "decimal" else told.kinds[0]
        (mine,) = ours(kind, told.binary, [told.example])
        (hives,) = theirs(hive, kind, told.binary, [told.example])
        if version in told.versions and side_of(mine, hives) is not told.side:
            stale.append((told.what, hives, mine))
    assert stale == []


def test_binary_cells_are_raw_here_and_base64_there(hive: Hive) -> None:
    cells = [b"AQI=", b"\xff\x00", b"\\N"]
    assert hive.reads_bytes(cells) == [b"\x01\x02", b"\xff\x00", None]
    column, reasons = codec_for(parse_hive_type("binary"), False).decode(cells)
    assert (column.to_pylist(), reasons) == (cells, {})


@pytest.mark.parametrize("item", ["string", "int"])
def test_a_map_holds_what_hives_holds_and_cells_without_a_value(hive: Hive, item: str) -> None:
    cells = {"a": b"1", "b": b"-2", "c": b"\\N", "d": b""}
    hives = hive.reads_map(item, cells)
    mapping = build_mapping({"id": "string", "m": f"map<string,{item}>"}, ":key,d:")
    given = {f"d:{name}": cell for name, cell in cells.items() if cell or item == "string"}
    decoded = mapping.decode([row(b"k", given)])
    assert dict(decoded.table["m"].to_pylist()[0]) == hives | ({"d": ""} if item == "string" else {})
    assert mapping.decode([row(b"k", {"d:d": b""})]).keys == ([b"k"] if item == "string" else [])
