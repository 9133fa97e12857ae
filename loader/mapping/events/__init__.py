"""Messages of a log to typed columns: what a field is, how each format is read, and what becomes of a bad event."""
