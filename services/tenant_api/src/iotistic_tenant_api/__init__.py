"""The API that one customer's devices and people talk to."""
