"""The whole local API against those who have no business there, and against bad bodies."""

import http.client
import json
import re
import socket

import pytest

from edge.agent.tests.device import Device, app
from edge.agent.tests.steering import ask, listening, running
from iotistic_agent.api.openapi import openapi
from iotistic_agent.api.routes import ROUTES

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

ALL = [(route.method, re.sub(r"{\w+}", "id-one", route.path)) for route in ROUTES]
WRITING = [(route.method, path) for route, (_, path) in zip(ROUTES, ALL, strict=True) if route.body]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Reachable:
    """An agent with a service, its port and its token."""

    def __init__(self, device: Device) -> None:
        self.device, self.port = device, free_port()

    @property
    def token(self) -> str:
        return (self.device.folder / "state/local-api-token").read_text().strip()

    def tcp(self, method: str, path: str, body: bytes = b"{}", **headers: str):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        found = answer.status, json.loads(answer.read())["code"]
        connection.close()
        return found


@pytest.fixture
def reachable(device, tenant, busybox):
    made = Reachable(device)
    running(device, tenant, app(busybox, one={}), LOCAL_API_PORT=str(made.port),
            REBOOT_COMMAND="/bin/false", SHUTDOWN_COMMAND="/bin/false")  # fmt: skip
    return made


def test_no_route_is_open_to_strangers(reachable):
    right, host = f"Bearer {reachable.token}", f"127.0.0.1:{reachable.port}"
    before = reachable.device.containers()
    strangers = [
        ({}, (401, "unauthorized")),
        ({"Authorization": "Bearer"}, (401, "unauthorized")),
        ({"Authorization": "Bearer " + "x" * 43}, (401, "unauthorized")),
        ({"Authorization": f"Bearer {reachable.token}x"}, (401, "unauthorized")),
        ({"Authorization": f"Bearer {reachable.token.swapcase()}"}, (401, "unauthorized")),
        ({"X_Api_Key": reachable.token}, (401, "unauthorized")),
        ({"X_Forwarded_For": "127.0.0.1", "X_Real_IP": "127.0.0.1"}, (401, "unauthorized")),
        ({"Authorization": right, "Host": "evil.example"}, (403, "forbidden")),
        ({"Authorization": right, "Host": f"evil.example:{reachable.port}"}, (403, "forbidden")),
        ({"Authorization": right, "Host": f"127.0.0.1.nip.io:{reachable.port}"},
         (403, "forbidden")),
        ({"Authorization": right, "Host": "evil.example", "X_Forwarded_Host": host},
         (403, "forbidden")),
        ({"Authorization": right, "Origin": f"http://{host}"}, (403, "forbidden")),
        ({"Authorization": right, "Origin": "null"}, (403, "forbidden")),
    ]  # fmt: skip
    for method, path in ALL:
        for headers, refused in strangers:
            if path == "/ping" and refused[0] == 401:
                continue
            assert reachable.tcp(method, path, **headers) == refused, (method, path, headers)
    assert reachable.tcp("POST", f"/v2/services/id-one/stop?token={reachable.token}")[0] == 401
    assert reachable.device.containers() == before
    assert reachable.token not in (reachable.device.folder / "log").read_text()


def test_a_page_is_given_no_answer_to_its_question_first(reachable):
    asked = {"Origin": "http://evil.example", "Access_Control_Request_Method": "POST"}
    assert reachable.tcp("OPTIONS", "/v2/services/id-one/stop", **asked) == (403, "forbidden")
    allowed = {"Authorization": f"Bearer {reachable.token}"}
    assert reachable.tcp("OPTIONS", "/v2/services/id-one/stop", **allowed)[0] == 405


BODIES = (
    b"\xff\xfe", b"null", b"[]", b'"x"', b"7", b"{", b'{"a": NaN}', b'{"owner": "a", "owner": "b"}',
    b'{"owner": "\\ud800"}', b'{"reason": "\\u0000"}', b'{"owner": null}', b'{"owner": ["a"]}',
    b'{"owner": {"$ne": 1}}', b'{"ttlSeconds": 1e400}', b'{"ttlSeconds": 99999999999999999999}',
    b'{"__proto__": {}}', b'{"key": "", "confirm": ""}', b"[" * 40 + b"]" * 40,
    b'{"value": ' + b'{"a":' * 40 + b"1" + b"}" * 41, b'{"reason": "' + b"x" * 60_000 + b'"}',
    b"x" * 70_000,
)  # fmt: skip


@pytest.fixture(scope="module")
def alone(docker_engine, tmp_path_factory):
    """An agent that has nothing to do but to answer."""
    made = Device(docker_engine, None, tmp_path_factory.mktemp("hostile"))
    listening(made, REBOOT_COMMAND="/bin/false", SHUTDOWN_COMMAND="/bin/false")
    yield made
    made.clean()


@pytest.mark.parametrize(("method", "path"), WRITING)
def test_no_body_is_too_much_for_a_route(alone, method, path):
    for body in BODIES:
        status, problem = ask(alone, method, path, body)
        assert 400 <= status < 500 or status == 503, (body[:40], status)
        assert set(problem) <= {"type", "title", "status", "code", "detail", "errors"}
        assert "request_failed" not in {line["event"] for line in alone.log()}
    assert ask(alone, "GET", "/v2/leases")[1]["leases"] == []


@pytest.mark.parametrize(
    "path",
    ["/v2/leases/%00", "/v2/leases/" + "x" * 4000, "/v2/services/%2e%2e/stop", "/v2/apps//purge",
     "/v2/services/'; DROP TABLE leases; --/stop".replace(" ", "%20"), "/v2/config/%ff"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_no_path_is_too_much(alone, method, path):
    status, problem = ask(alone, method, path)
    assert status in (404, 405, 503), problem
    assert "request_failed" not in {line["event"] for line in alone.log()}


def test_the_description_says_all(alone):
    status, served = ask(alone, "GET", "/openapi.json")
    assert status == 200
    assert served["paths"] == json.loads(json.dumps(openapi(ROUTES, "x")["paths"]))
    operations = [each for path in served["paths"].values() for each in path.values()]
    names = [each["operationId"] for each in operations]
    assert len(operations) == len(ROUTES) == len(set(names))
    for route in ROUTES:
        described = served["paths"][route.path][route.method.lower()]
        assert (route.method in ("POST", "PATCH")) == ("requestBody" in described), route.path
        assert re.findall(r"{(\w+)}", route.path) == [
            each["name"] for each in described["parameters"] if each["in"] == "path"
        ]
        if route.body is not None:
            schema = described["requestBody"]["content"]["application/json"]["schema"]
            assert schema["additionalProperties"] is False
