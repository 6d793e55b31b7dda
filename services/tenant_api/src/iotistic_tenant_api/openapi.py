"""The OpenAPI document: `python -m iotistic_tenant_api.openapi > openapi.json`."""

import json
import sys
from dataclasses import fields
from typing import Any, get_type_hints

from iotistic_kit.app import ServiceApp
from iotistic_kit.health import Health
from iotistic_kit.metrics import Metrics
from iotistic_kit.openapi import describe
from iotistic_tenant_api import app as routes
from iotistic_tenant_api.people import People
from iotistic_tenant_api.resources.access import READ

__all__ = ["described", "text"]


def described() -> ServiceApp:
    """Return the application with every route and nothing behind them, for looking at only."""
    resources = _hollow(routes.Resources)
    resources |= {"health": Health({}), "metrics": Metrics([], READ)}
    resources |= {
        "people": People(**_hollow(People)),
        "orders": routes.OrderResources(**_hollow(routes.OrderResources)),
        "fleet": routes.FleetResources(**_hollow(routes.FleetResources)),
    }
    return routes.create_app(routes.Resources(**resources), authenticators=[])


def _hollow(gathered: type[Any]) -> dict[str, Any]:
    """Return an empty object for each resource that `gathered` has."""
    hints = get_type_hints(gathered, localns={"Health": Health, "Metrics": Metrics})
    return {field.name: object.__new__(hints[field.name]) for field in fields(gathered)}


def text() -> str:
    """Return the document as it is committed."""
    document = describe(described(), routes.TITLE, routes.VERSION)
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
