"""Walking over the secrets of a spec or target state."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from .secret import Secret
from .target_state import Delivered, Service, Spec, TargetState

__all__ = ["map_secrets", "plain_secrets", "secrets_of", "with_hmacs_of"]

Document = TypeVar("Document", Spec, Delivered, TargetState)


def secrets_of(document: Delivered | TargetState) -> Iterator[tuple[str, str, Secret]]:
    """Yield service id, name and secret of each secret in ``document``."""
    for service in document.services():
        for name, secret in service.config.secrets.items():
            yield service.service_id, name, secret


def plain_secrets(document: Delivered | TargetState) -> dict[str, dict[str, str]]:
    """Return the values that ``document`` holds as written: service id to name to value."""
    values: dict[str, dict[str, str]] = {}
    for service_id, name, secret in secrets_of(document):
        if secret.value is not None:
            values.setdefault(service_id, {})[name] = secret.value
    return values


def map_secrets(document: Document, change: Callable[[str, str, Secret], Secret]) -> Document:
    """Return ``document`` with each secret replaced by ``change(service id, name, secret)``."""
    if not any(True for _ in secrets_of(document)):
        return document
    apps = {
        key: replace(app, services=tuple(_mapped(service, change) for service in app.services))
        for key, app in (document.apps or {}).items()
    }
    return replace(document, apps=apps)


def with_hmacs_of(spec: Spec, hmacs: Mapping[str, Mapping[str, str]]) -> Spec:
    """Return ``spec`` with the HMACs (service id to name to HMAC) beside the values."""

    def known(service_id: str, name: str, secret: Secret) -> Secret:
        found = hmacs.get(service_id, {}).get(name)
        return secret if found is None else replace(secret, hmac=found)

    return map_secrets(spec, known)


def _mapped(service: Service, change: Callable[[str, str, Secret], Secret]) -> Service:
    secrets = {
        name: change(service.service_id, name, secret)
        for name, secret in service.config.secrets.items()
    }
    return replace(service, config=replace(service.config, secrets=secrets))
