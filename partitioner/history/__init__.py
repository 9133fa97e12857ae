"""What happened to a table: manifests, folded into the state that the next batch starts from."""
