"""What a table remembers: whose it is, how it is read, what may be deleted."""
