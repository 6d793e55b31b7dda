"""Status page of one tenant."""
