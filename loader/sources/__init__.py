"""Where changes come from: each source yields rows or keys, and says which position it read up to."""
