"""Real servers for the demo, the tests and the benchmarks: fetched by a lock file, run on 127.0.0.1 only.

Not part of the product.
"""
