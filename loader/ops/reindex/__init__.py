"""`hotswap rebuild-index`: make the key index of a table anew from its rows."""
