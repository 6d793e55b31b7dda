"""Container images on their way from a registry to the engine."""
