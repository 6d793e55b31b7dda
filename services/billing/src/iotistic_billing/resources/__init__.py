"""HTTP only: parse, ask a use case, answer."""
