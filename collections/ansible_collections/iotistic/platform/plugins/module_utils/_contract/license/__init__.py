# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Licenses: claims, the state that they are in, and the one decision about what they allow."""

from .access import READING_ONLY, Access, check_feature_access
from .claims import (
    ALGORITHM,
    EXPIRING,
    GRACE,
    ISSUER,
    LEEWAY,
    LONGEST,
    RESTRICTED,
    TYPE,
    License,
    LicenseState,
    Subscription,
    Trial,
)
from .states import LicenseStatus, SeenTime, license_status

__all__ = [
    "ALGORITHM",
    "EXPIRING",
    "GRACE",
    "ISSUER",
    "LEEWAY",
    "LONGEST",
    "READING_ONLY",
    "RESTRICTED",
    "TYPE",
    "Access",
    "License",
    "LicenseState",
    "LicenseStatus",
    "SeenTime",
    "Subscription",
    "Trial",
    "check_feature_access",
    "license_status",
]
