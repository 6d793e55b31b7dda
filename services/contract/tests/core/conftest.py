"""Builders of whole documents, so that each test names only what it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

Document = dict[str, Any]


def _service(service_id: str, **changes: object) -> Document:
    return {
        "serviceId": service_id,
        "serviceName": service_id,
        "imageName": "registry.local:5000/demo/web:1.2",
        **changes,
    }


def _spec(*services: Document, **config: object) -> Document:
    app = {"appId": "demo", "appName": "Demo", "services": list(services)}
    return {"apps": {"demo": app}, "config": config}


@pytest.fixture
def service() -> Callable[..., Document]:
    """Return a builder: service id and the keys that differ."""
    return _service


@pytest.fixture
def spec() -> Callable[..., Document]:
    """Return a builder: services of one app ``demo``, and the device's config."""
    return _spec
