"""Print Python's version, "venv" or "none", machine, C library, pip's wheel; for any Python 3."""

import glob
import os
import struct
import sys
import sysconfig

try:
    import ensurepip
    import venv  # noqa: F401

    whole = "venv"
    bundled = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")  # noqa: PTH118, PTH120
except ImportError:
    whole, bundled = "none", ""
machine = os.uname()[4]
if struct.calcsize("P") == 4 and machine in ("aarch64", "armv8l"):
    machine = "armv7l"
libc = "glibc" if "gnu" in (sysconfig.get_config_var("HOST_GNU_TYPE") or "gnu") else "other"
folders = [sysconfig.get_config_var("WHEEL_PKG_DIR"), "/usr/share/python-wheels", bundled]
pips = [path for folder in folders if folder for path in glob.glob(folder + "/pip-*.whl")]  # noqa: PTH207
print("%d.%d" % sys.version_info[:2], whole, machine, libc, pips[0] if pips else "-")  # noqa: UP031
