"""Folders that fill with files: each complete file is taken exactly once, its lines are a log's events."""
