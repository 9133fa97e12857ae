"""`hotswap recover`: settle what a crash or a lost reply left open, and mend stale write-backs."""
