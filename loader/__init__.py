"""Does: Spark, files, HBase, clock and command line. Carries out what the partitioner decides."""
