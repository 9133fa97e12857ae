"""Load a big existing HBase table in one go: spooled by region, split by partition, published with one swap."""
