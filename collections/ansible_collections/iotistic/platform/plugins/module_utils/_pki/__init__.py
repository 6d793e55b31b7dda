# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""X.509, CRLs, provisioning crypto, license and service tokens."""
