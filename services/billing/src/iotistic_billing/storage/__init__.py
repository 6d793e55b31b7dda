"""SQL by hand: each method is one statement or a few within the caller's transaction."""
