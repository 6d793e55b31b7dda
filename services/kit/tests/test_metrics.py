"""/metrics answers what its sources say, to those it lets in."""

import falcon.testing
from prometheus_client.core import GaugeMetricFamily

from iotistic_kit.app import ServiceApp
from iotistic_kit.auth import PUBLIC, needs
from iotistic_kit.metrics import Metrics


async def devices():
    family = GaugeMetricFamily("devices", "Devices by state", labels=["state"])
    family.add_metric(["online"], 3)
    return [family]


def answer(access):
    app = ServiceApp()
    Metrics([devices], access).add_to(app)
    return falcon.testing.TestClient(app).simulate_get("/metrics")


def test_the_text():
    shown = answer(PUBLIC)
    assert shown.text.splitlines()[-1] == 'devices{state="online"} 3.0'
    assert shown.headers["content-type"].startswith("text/plain")


def test_it_is_guarded():
    assert answer(needs("admin")).status_code == 401
