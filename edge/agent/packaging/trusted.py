"""Say which part of a path (each argument) somebody else than root could change, or end well.

Root runs what is installed there. In a folder such as /tmp only what is there already is safe:
nobody can move what is root's, but anybody can come first with what isn't there yet.
"""

import os
import stat
import sys


def others_write(found):
    """Whether others than root may write there."""
    mode = found.st_mode
    return mode & stat.S_IWOTH or (mode & stat.S_IWGRP and found.st_gid != 0)


def objection(path, links=40):
    """Return why the path isn't root's alone, "" when it is; links are followed."""
    here, shared = "/", False
    parts = ["", *path.strip("/").split("/")]
    for index, part in enumerate(parts):
        here = os.path.join(here, part)  # noqa: PTH118
        try:
            found = os.lstat(here)
        except FileNotFoundError:
            return here + " could be made by anybody" if shared else ""
        if found.st_uid != 0:
            return here + " isn't root's"
        if stat.S_ISLNK(found.st_mode):
            aim = os.path.join(os.path.dirname(here), os.readlink(here))  # noqa: PTH115, PTH118, PTH120
            rest = "/".join([aim, *parts[index + 1 :]])
            return objection(rest, links - 1) if links else here + " leads nowhere"
        shared = others_write(found)
        if shared and (index == len(parts) - 1 or not found.st_mode & stat.S_ISVTX):
            return here + " can be changed by others than root"
    return ""


for each in sys.argv[1:]:
    why = objection(each)
    if why:
        sys.exit("install: " + why + ": root installs nothing there. Choose another folder.")
