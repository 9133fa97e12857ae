"""What every way to HBase gives and raises: one protocol, rows as they came, filters, errors."""
