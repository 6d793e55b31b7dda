"""Benchmarks: figures beside a bar. They decide no test, and no test times anything."""
