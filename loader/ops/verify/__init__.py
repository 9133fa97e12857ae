"""`hotswap verify`: metastore, manifests, files, rows and keys, checked against each other."""
