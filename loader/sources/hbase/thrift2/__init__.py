"""HBase through a Thrift2 server: the wire format, a client, and cursors over its scanners."""
