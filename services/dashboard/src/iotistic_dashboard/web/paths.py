"""Where a form may lead: a path of this dashboard, never another host."""

import re
from urllib.parse import urlsplit

__all__ = ["local_path"]

_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def local_path(text: str, otherwise: str = "/") -> str:
    """Return ``text`` when it is a path of this site, else ``otherwise``."""
    if len(text) > 2000 or not _LOCAL.fullmatch(text):
        return otherwise
    try:
        parts = urlsplit(text)
    except ValueError:
        return otherwise
    return otherwise if parts.scheme or parts.netloc else text
