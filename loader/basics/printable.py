"""Bytes, and what libraries say, as a person reads them."""

import re

_CLASS = re.compile(r"<class '(?:\w+\.)*(\w+)'>")


def printable(key: bytes) -> str:
    """As HBase's shell prints it: printable ASCII as it is, the rest as `\\xNN`."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02X}" for byte in key)


def first_line(error: Exception) -> str:
    """What a library's exception says, without the names of Python's classes and what follows the first line."""
    return _CLASS.sub(r"\1", str(error).partition("\n")[0])
