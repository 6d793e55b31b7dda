"""What this API does, one verb each: read, decide, store, tell the others."""
