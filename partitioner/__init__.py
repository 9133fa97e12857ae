"""Decides: plain values and Arrow tables in, plain values and Arrow tables out. No I/O, no Spark, no clock, no randomness."""
