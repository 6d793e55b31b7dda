"""What a worker keeps in memory, and how the other workers' commits reach it."""
