"""HBase by its own RPC: the loader asks the region servers themselves, and nothing is installed beside HBase."""
