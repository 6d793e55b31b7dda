"""Programs of this repository's own."""
