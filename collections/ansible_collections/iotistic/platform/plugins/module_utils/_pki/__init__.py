"""X.509, CRLs, provisioning crypto, license and service tokens."""
