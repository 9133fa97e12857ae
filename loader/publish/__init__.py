"""The publish protocol: lock, change set, plan, rewrite, manifest, one swap, read-back, outcome."""
