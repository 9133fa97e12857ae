"""Spark SQL over one row, evaluated by Spark's own rules (ANSI mode, Spark 4): types, casts, operators, functions."""
