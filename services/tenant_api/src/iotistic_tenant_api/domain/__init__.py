"""What the tenant API decides: values and pure functions, no I/O."""
