# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Image references, by the grammar of the distribution project (reference.go)."""

import re
from dataclasses import dataclass
from typing import Annotated, Self

from .errors import ContractError

__all__ = ["Image", "ImageName", "check_image"]

_PART = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:{_PART}(?:\.{_PART})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?"
_COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A reference taken apart and made whole: ``nginx`` is docker.io/library/nginx:latest.

    ``tag`` is None when only a digest was given.
    """

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the image that ``text`` names; raises ``ContractError``."""
        found = _REFERENCE.fullmatch(text) if len(text) <= 512 else None
        if found is None:
            raise ContractError("", "not an image reference")
        domain, path = found["domain"], found["path"]
        if domain is not None and not _is_domain(domain):
            domain, path = None, f"{domain}/{path}"
            if domain_case(path):
                raise ContractError("", "not an image reference: a name is lower case")
        if domain in (None, "docker.io", "index.docker.io"):
            domain, path = "docker.io", path if "/" in path else f"library/{path}"
        if len(f"{domain}/{path}") > 255:
            raise ContractError("", "not an image reference: longer than 255 characters")
        tag = found["tag"] or (None if found["digest"] else "latest")
        return cls(registry=domain, repository=path, tag=tag, digest=found["digest"])

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def check_image(text: str) -> str:
    """Return ``text`` when it is an image reference; raise ``ContractError`` otherwise."""
    Image.parse(text)
    return text


ImageName = Annotated[str, check_image]


def domain_case(path: str) -> bool:
    """Return whether a name without a registry has letters that no repository may have."""
    return path != path.lower()


def _is_domain(text: str) -> bool:
    """Docker's rule: the first component is a registry when it looks like an address."""
    return any(mark in text for mark in ".:[") or text == "localhost" or text != text.lower()
