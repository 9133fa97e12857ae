"""The Hive metastore's Thrift API, spoken plainly. Knows no batch, no HBase and no files.

`api` says what a metastore can do, `client` does it over Thrift, `memory` does it in memory with the same semantics.
"""
