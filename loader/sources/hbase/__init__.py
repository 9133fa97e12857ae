"""Changes out of HBase: windows of dirty keys, their rows read again, and what a window misses."""
