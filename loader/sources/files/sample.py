"""What the first bytes of a file tell of the whole: about how many lines, and the header."""

from loader.sources.files.gunzip import head_of

SAMPLE = 64 << 10
WITHOUT_A_LINE = 200
"""Bytes a line where none ends within the sample."""


def unpacked(path: str, start: bytes) -> bytes:
    return head_of(start, 16 * SAMPLE) if path.endswith(".gz") else start


def estimate(path: str, start: bytes, size: int) -> int:
    """Lines in a file of `size` bytes, of which `start` is the beginning: at least one."""
    found = unpacked(path, start).count(b"\n")
    a_line = len(start) / found if found else WITHOUT_A_LINE
    return max(1, round(size / a_line))


def first_line(path: str, start: bytes) -> bytes | None:
    """Without its end. None: it is longer than the sample."""
    line, end, _ = unpacked(path, start).partition(b"\n")
    return line.removesuffix(b"\r") if end or len(start) < SAMPLE else None
