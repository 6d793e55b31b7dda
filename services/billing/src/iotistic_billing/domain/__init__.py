"""The rules of billing: values in, values out, no I/O."""
