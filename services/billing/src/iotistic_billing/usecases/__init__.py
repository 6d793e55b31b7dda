"""What billing does: each use case opens its own transaction."""
