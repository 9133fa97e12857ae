"""Protobuf by hand: HBase's few messages are small, and a protobuf runtime would fight the one that users have.

Messages are written as joined fields (None and empty ones left out by the caller) and read as number → values.
"""

from collections.abc import Iterator

VARINT, FIXED_64, LENGTH_DELIMITED, FIXED_32 = 0, 1, 2, 5
Fields = dict[int, list[int | bytes]]
"""Field number → what came under it, in order: an int for varints, bytes for the rest."""


def varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def tag(number: int, wire_type: int) -> bytes:
    return varint(number << 3 | wire_type)


def of_bytes(number: int, value: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return tag(number, LENGTH_DELIMITED) + varint(len(value)) + value


def of_int(number: int, value: int) -> bytes:
    """A field of an unsigned integer, an enum or a bool."""
    return tag(number, VARINT) + varint(value)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The value, and where what follows begins. Raises ValueError where there is none."""
    value = shift = 0
    while shift < 70:
        if at >= len(data):
            raise ValueError("the message ends within a number")
        octet = data[at]
        at += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value, at
        shift += 7
    raise ValueError("a number of more than ten bytes")


def fields(data: bytes) -> Fields:
    """A message's fields. Raises ValueError for what is no message."""
    found: Fields = {}
    for number, value in _each(data):
        found.setdefault(number, []).append(value)
    return found


def _each(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        head, start = read_varint(data, at)
        if head & 7 == VARINT:
            value, at = read_varint(data, start)
            yield head >> 3, value
        else:
            start, at = _extent(data, head, start)
            yield head >> 3, data[start:at]


def field_end(data: bytes, at: int) -> int:
    """Where the field that begins at `at` ends. Raises ValueError."""
    head, start = read_varint(data, at)
    return read_varint(data, start)[1] if head & 7 == VARINT else _extent(data, head, start)[1]


def _extent(data: bytes, head: int, start: int) -> tuple[int, int]:
    """Where the bytes of a field begin and end, its tag read already."""
    wire_type = head & 7
    if wire_type == LENGTH_DELIMITED:
        size, start = read_varint(data, start)
    else:
        size = {FIXED_64: 8, FIXED_32: 4}.get(wire_type, len(data) + 1)
    if start + size > len(data):
        raise ValueError(f"field {head >> 3} of wire type {wire_type} does not fit into its message")
    return start, start + size


def an_int(found: Fields, number: int, default: int = 0) -> int:
    """The last value of an integer field, as protobuf has it."""
    value = found[number][-1] if number in found else default
    if not isinstance(value, int):
        raise ValueError(f"field {number} is no integer")
    return value


def some_bytes(found: Fields, number: int, default: bytes = b"") -> bytes:
    """The last value of a field of bytes."""
    value = found[number][-1] if number in found else default
    if not isinstance(value, bytes):
        raise ValueError(f"field {number} is a number")
    return value


def a_text(found: Fields, number: int) -> str:
    return some_bytes(found, number).decode("utf-8", "replace")


def messages(found: Fields, number: int) -> list[bytes]:
    """Each message under a number. Raises ValueError if one is none."""
    values = found.get(number, [])
    if not all(isinstance(value, bytes) for value in values):
        raise ValueError(f"field {number} holds no messages")
    return [value for value in values if isinstance(value, bytes)]
