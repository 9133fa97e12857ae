"""`make demo`: the main job on a real HBase and a real metastore, told to a person at a terminal.

`story.py` is the table of contents. The demo proves what it says: each claim is checked, and one that does not hold
makes it fail.
"""
