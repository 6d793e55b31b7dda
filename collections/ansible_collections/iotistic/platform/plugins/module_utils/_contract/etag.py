# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The ETag of a target state: ``"<version>-<32 hex digits>"``."""

import hashlib
from collections.abc import Mapping
from typing import Any

from .codec import canonical, encode

__all__ = ["etag", "with_hmacs"]


def etag(version: int, document: object, sealing_thumbprint: str | None = None) -> str:
    """Return the quoted ETag of ``document`` (a ``TargetState`` or its JSON object).

    The hash is over the canonical document with each secret's HMAC in its place, followed by the
    thumbprint of the device's sealing key: a new key must not get 304 and secrets it can't read.
    """
    content = canonical(with_hmacs(encode(document))) + (sealing_thumbprint or "").encode("ascii")
    return f'"{version}-{hashlib.sha256(content).hexdigest()[:32]}"'


def with_hmacs(document: Any) -> Any:
    """Return the JSON target document with ``hmac`` alone in each secret's place."""
    apps = document.get("apps")
    if not isinstance(apps, Mapping):
        return document
    return {**document, "apps": {key: _app(app) for key, app in apps.items()}}


def _app(app: Mapping[str, Any]) -> dict[str, object]:
    return {**app, "services": [_service(service) for service in app.get("services") or ()]}


def _service(service: Mapping[str, Any]) -> dict[str, object]:
    config = service.get("config") or {}
    if not config.get("secrets"):
        return dict(service)
    secrets = {name: _hmac(secret) for name, secret in config["secrets"].items()}
    return {**service, "config": {**config, "secrets": secrets}}


def _hmac(secret: object) -> object:
    return secret["hmac"] if isinstance(secret, Mapping) else secret
