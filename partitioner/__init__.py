"""Decides: plain values and Arrow tables in, the same out. No I/O, no Spark, no clock, no randomness."""
