"""`hotswap rollback`: move a table, or some of its partitions, back to an earlier batch."""
