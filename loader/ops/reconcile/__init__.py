"""Compare all of HBase with all of Hive, by key and row digest, and hand what differs to the next batch."""
