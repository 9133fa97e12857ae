"""How rows combine within one split: merge rules, column types, order and encoding."""
