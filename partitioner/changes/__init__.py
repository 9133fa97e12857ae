"""What one batch changed, and which partition each key lives in."""
