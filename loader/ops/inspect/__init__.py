"""`hotswap show --key`: one row in HBase and in Hive, and why they differ."""
