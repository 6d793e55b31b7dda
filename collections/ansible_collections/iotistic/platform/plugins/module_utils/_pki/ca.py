# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Certificate authorities in folders: the public names, made in `creation`, used in `authority`."""

from .authority import Authority, Clock, load, serial_text, utc_now
from .certificates import certificates_from, pem
from .creation import Tenant, create_platform, create_root, create_tenant
from .profiles import LEAF_DAYS, Profile, client, server, service

__all__ = [
    "LEAF_DAYS",
    "Authority",
    "Clock",
    "Profile",
    "Tenant",
    "certificates_from",
    "client",
    "create_platform",
    "create_root",
    "create_tenant",
    "load",
    "pem",
    "serial_text",
    "server",
    "service",
    "utc_now",
]
