"""Durations and sizes as people write them: `30s`, `3h`, `32MB`; and shares: `50%`."""

import re
from types import MappingProxyType

SECONDS = MappingProxyType({"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0})
BYTES = MappingProxyType({"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40})

_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")


def parse_duration(value: object) -> float:
    """`"30s"` → 30.0. A float is seconds already; a bare int but 0 is refused: nobody knows its unit. ValueError."""
    if isinstance(value, float) or (value == 0 and isinstance(value, int)):
        return float(value)
    return _parse(value, SECONDS, "a duration such as 500ms, 30s, 10m, 3h or 2d")


def parse_size(value: object) -> int:
    """`"32MB"` → bytes; units are powers of 1024, a bare int is bytes. ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(_parse(value, BYTES, "a size such as 512KB, 32MB or 1GB"))


def parse_share(value: object) -> float:
    """`"50%"` → 0.5; a float is a share already. ValueError unless it is from 0 to 1."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
    share = float(match[1]) / 100 if match else value
    if not isinstance(share, float) or not 0 <= share <= 1:
        raise ValueError(f"{value!r} is not a share such as 5% or 100%")
    return share


def _parse(value: object, units: MappingProxyType[str, float] | MappingProxyType[str, int], what: str) -> float:
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if not match or match[2].lower() not in units:
        raise ValueError(f"{value!r} is not {what}")
    return float(match[1]) * units[match[2].lower()]


def duration_text(seconds: float) -> str:
    """The shortest exact spelling of a duration: 10800.0 → `3h`."""
    for unit in ("d", "h", "m", "s"):
        if seconds >= SECONDS[unit] and seconds % SECONDS[unit] == 0:
            return f"{round(seconds / SECONDS[unit])}{unit}"
    milliseconds = f"{seconds * 1000:.3f}".rstrip("0").rstrip(".")
    return f"{milliseconds}ms" if seconds else "0s"


def size_text(size: float) -> str:
    """A size for a person: 33554432 → `32 MB`, 1536 → `1.5 KB`."""
    unit = "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} {unit}" if size >= 10 or size == int(size) else f"{size:.1f} {unit}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 row`, `1,204 rows`, `2 batches`; `plural` where it is not `noun` + s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
