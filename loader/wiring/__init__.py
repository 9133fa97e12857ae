"""From the configuration to opened parts: a table, its source, its writers, its retention."""
