"""PostgreSQL by hand: one class per subject, each over the connection of its use case."""
