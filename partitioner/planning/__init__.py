"""Which files a batch reads, writes and links, and which task does each."""
