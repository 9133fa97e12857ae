"""What a table remembers in its state folder, and `Environment`, the handle on one open table."""
