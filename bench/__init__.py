"""Every figure that the documentation quotes, measured: `make bench`."""
