"""Decides: plain values and Arrow tables in, the same out. No I/O, no Spark, no clock, no randomness.

The root holds the nouns that all four folders share: partition values, Arrow types, errors.
"""
