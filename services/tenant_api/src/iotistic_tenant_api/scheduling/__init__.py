"""What one process per tenant does for all workers, held by an advisory lock."""
