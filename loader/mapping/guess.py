"""What a column's bytes seem to be, where its mapping cannot decode them: a hint for whoever wrote the mapping."""

from collections.abc import Iterator, Sequence

from loader.mapping.codec import Codec
from loader.mapping.codecs import CODECS, codec_for, codec_named
from loader.mapping.hive_types import TEXTS, HiveType

BINARY_OF_WIDTH = {1: "tinyint or boolean", 2: "smallint", 4: "int or float", 8: "bigint or double"}


def guess(hive: HiveType, cells: Sequence[bytes]) -> str | None:
    """A way to write the mapping so that all `cells` become values of `hive`; else what they could be; else None."""
    width = _width(cells)
    ways = (way for way, codec in _ways(hive) if cells and not codec.decode(cells)[1])
    if not _looks_binary(hive, cells) and (found := next(ways, None)):
        return f"{width}{found}"
    if width and (name := BINARY_OF_WIDTH.get(len(cells[0]))) and hive.name not in name:
        return f"{width}a {name}, with #b"
    return None


def suspicious(hive: HiveType, cells: Sequence[bytes]) -> bool:
    """Decoded without a failure, and yet hardly what was meant."""
    return bool(cells) and _looks_binary(hive, cells)


def _looks_binary(hive: HiveType, cells: Sequence[bytes]) -> bool:
    """A text column whose cells are all as wide as a number, with control characters in them."""
    return hive.name in TEXTS and bool(_width(cells)) and all(any(byte < 32 for byte in cell) for cell in cells)


def _ways(hive: HiveType) -> Iterator[tuple[str, Codec]]:
    for way, binary in (("#b", True), ("without #b, as text", False)):
        try:
            yield way, codec_for(hive, binary)
        except ValueError:
            continue
    for name, gives in CODECS.items():
        if hive.name in gives:
            yield f"type: {name}", codec_named(name, hive)


def _width(cells: Sequence[bytes]) -> str:
    """`8 bytes: ` where every cell is as wide as a number."""
    widths = {len(cell) for cell in cells}
    width = widths.pop() if len(widths) == 1 else 0
    return f"{width} byte{'s' if width > 1 else ''}: " if width in BINARY_OF_WIDTH else ""
