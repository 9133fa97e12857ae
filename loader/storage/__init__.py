"""Bytes and durability: one `Files` protocol, its file systems, and the record of effects."""
