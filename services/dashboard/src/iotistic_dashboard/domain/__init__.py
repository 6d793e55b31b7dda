"""Words and shapes of what pages show; pure."""
