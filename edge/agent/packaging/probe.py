"""Print Python's version, "venv" or "none", the machine, the C library; runs on any Python 3."""

import os
import struct
import sys
import sysconfig

try:
    import ensurepip  # noqa: F401
    import venv  # noqa: F401

    whole = "venv"
except ImportError:
    whole = "none"
machine = os.uname()[4]
if struct.calcsize("P") == 4 and machine in ("aarch64", "armv8l"):
    machine = "armv7l"
libc = "glibc" if "gnu" in (sysconfig.get_config_var("HOST_GNU_TYPE") or "gnu") else "other"
print("%d.%d" % sys.version_info[:2], whole, machine, libc)  # noqa: UP031
