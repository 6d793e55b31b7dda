# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Values, decoding and pure planners that every part of Iotistic speaks through."""
