"""A running loader: the Spark job, its loop, signals and waiting, and the dry run of a batch."""
