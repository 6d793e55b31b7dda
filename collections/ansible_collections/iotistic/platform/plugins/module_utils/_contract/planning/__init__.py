# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Pure planners: what is wanted against what is there gives a ``Plan``; one file per noun."""
