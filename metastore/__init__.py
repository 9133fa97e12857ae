"""Speaks the Hive metastore's Thrift API. Knows no batch, no HBase, no files."""
