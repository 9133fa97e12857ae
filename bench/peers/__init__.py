"""Everybody who carries out workload M, each in a process of its own."""
