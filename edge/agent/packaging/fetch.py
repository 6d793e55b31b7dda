"""Fetch SOURCE (https URL or path) into PATH: taken only with SIZE bytes and this SHA-256.

No certificate is verified, as this machine doesn't know the tenant's CA yet: size and hash stand in
the signed script.
"""

import hashlib
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException

source, path, size, digest = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def opened():
    """Return the source as a stream."""
    if source.startswith("/"):
        return open(source, "rb")  # noqa: PTH123
    handler = urllib.request.HTTPSHandler(context=context)
    return urllib.request.build_opener(handler).open(source, timeout=30)


def copied():
    """Copy at most what was promised; return its SHA-256, "" for more than that."""
    found, length = hashlib.sha256(), 0
    with opened() as stream, open(path, "wb") as file:  # noqa: PTH123
        while block := stream.read(1 << 16):
            length += len(block)
            if length > size:
                return ""
            found.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if length < size:
        raise OSError(f"{length} of {size} bytes came")
    return found.hexdigest()


failure = ""
for wait in (2, 5, 0):
    try:
        if copied() == digest:
            sys.exit(0)
        sys.exit(f"install: {source} is not what this script was released with: it is not used")
    except urllib.error.HTTPError as error:
        failure = str(error)
        if error.code not in (429, 503):
            break
    except (OSError, HTTPException) as error:
        failure = str(error) or type(error).__name__
    time.sleep(wait)
sys.exit(f"install: can not get {source}: {failure}")
