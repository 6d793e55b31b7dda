"""Faults to watch being repaired: each breaks one thing, and follows until it is whole again."""
