"""Bytes as a person reads them."""


def printable(key: bytes) -> str:
    """As HBase's shell prints it: printable ASCII as it is, the rest as `\\xNN`."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02X}" for byte in key)
