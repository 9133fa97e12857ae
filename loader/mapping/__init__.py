"""Bytes of HBase rows ↔ columns of the Hive table."""

from loader.mapping.errors import MappingError
from loader.mapping.mapping import DecodedRows, Mapping

__all__ = ["DecodedRows", "Mapping", "MappingError"]
