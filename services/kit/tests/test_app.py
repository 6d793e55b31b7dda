"""A small service: what each kind of caller and each kind of bad request is answered."""

import gzip
import json
import re
from urllib.parse import quote

import falcon.testing
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from iotistic_contract.report import Report
from iotistic_kit.app import ServiceApp, UnguardedRouteError, principal_of
from iotistic_kit.auth import PUBLIC, Principal, bearer, needs
from iotistic_kit.bodies import read_body, read_query
from iotistic_kit.errors import DomainError, Problem
from iotistic_kit.health import Health, UnhealthyError
from iotistic_kit.openapi import check_routes, describe, operation

TOKENS = {
    "admin": Principal(kind="admin", id="operator"),
    "reader": Principal(kind="service", id="ops", scopes=frozenset({"read"})),
    "device-1": Principal(kind="device", id="one"),
}


class Tokens:
    async def authenticate(self, req):
        token = bearer(req)
        if token is None:
            return None
        if token not in TOKENS:
            raise Problem(401, "unauthorized", "unknown token")
        return TOKENS[token]


class ThingBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1)
    size: int = 1


class ThingTakenError(DomainError):
    status, code = 409, "conflict"


class Things:
    @operation("List", access=needs("service", scope="read") | needs("admin"))
    async def on_get(self, req, resp):
        resp.media = {"for": principal_of(req).id}

    @operation(
        "Make",
        access=needs("admin"),
        request=ThingBody,
        response=ThingBody,
        status=201,
        problems=(ThingTakenError,),
        max_body=200,
    )
    async def on_post(self, req, resp):
        body = await read_body(req, ThingBody)
        if body.name == "taken":
            raise ThingTakenError("there is one", name=body.name)
        if body.name == "crash":
            raise RuntimeError("secret-detail")
        resp.status, resp.media = 201, body.model_dump()


class Device:
    @operation("State", access=needs("device", owns="uuid"))
    async def on_get(self, req, resp, uuid):
        resp.media = {"uuid": uuid}


class Open:
    @operation("Hello", access=PUBLIC)
    async def on_get(self, req, resp):
        resp.media = {"hello": principal_of(req).kind}


class SearchQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str = ""


class Search:
    @operation("Search", access=PUBLIC, query=SearchQuery)
    async def on_get(self, req, resp):
        resp.media = read_query(req, SearchQuery).model_dump()


@pytest.fixture
def app():
    app = ServiceApp(authenticators=[Tokens()])
    app.add_route("/open", Open())
    app.add_route("/search", Search())
    app.add_route("/things", Things())
    app.add_route("/device/{uuid}/state", Device())
    return app


@pytest.fixture
def client(app):
    return falcon.testing.TestClient(app)


def as_(token):
    return {"Authorization": f"Bearer {token}"}


ACCESS = [
    ("GET", "/open", None, 200, None),
    ("GET", "/open", "bad", 200, None),
    ("GET", "/things", None, 401, "unauthorized"),
    ("GET", "/things", "bad", 401, "unauthorized"),
    ("GET", "/things", "reader", 200, None),
    ("GET", "/things", "admin", 200, None),
    ("GET", "/things", "device-1", 403, "forbidden"),
    ("POST", "/things", "reader", 403, "forbidden"),
    ("GET", "/device/one/state", "device-1", 200, None),
    ("GET", "/device/two/state", "device-1", 403, "forbidden"),
    ("GET", "/device/one/state", None, 401, "unauthorized"),
    ("GET", "/nowhere", None, 404, "not_found"),
    ("DELETE", "/things", None, 405, "method_not_allowed"),
    ("OPTIONS", "/things", None, 405, "method_not_allowed"),
    ("DELETE", "/device/one/state", None, 401, "unauthorized"),
    ("DELETE", "/device/one/state", "device-1", 405, "method_not_allowed"),
    ("GET", "/things/", None, 404, "not_found"),
    ("GET", "/device/one%00/state", "device-1", 404, "not_found"),
    ("GET", "/search", None, 200, None),
    ("GET", "/search?text=a", None, 200, None),
    ("GET", "/search?text=%00", None, 422, "invalid"),
    ("GET", "/search?txet=a", None, 422, "invalid"),
    ("GET", "/search?text=a&text=b", None, 422, "invalid"),
]


@pytest.mark.parametrize(("method", "path", "token", "status", "code"), ACCESS)
def test_access(client, method, path, token, status, code):
    headers = as_(token) if token else {}
    path, _, query = path.partition("?")
    answer = client.simulate_request(method, path, headers=headers, query_string=query)
    assert (answer.status_code, answer.json.get("code")) == (status, code)
    if status == 405:
        assert "GET" in answer.headers["allow"]
    if status == 401:
        assert answer.headers["content-type"] == "application/problem+json"


def packed(value):
    return gzip.compress(json.dumps(value).encode(), mtime=0)


BODIES = [
    (b'{"name": "a"}', {}, 201, None),
    (packed({"name": "a"}), {"Content-Encoding": "gzip"}, 201, None),
    (packed({"name": "a"})[:-9], {"Content-Encoding": "gzip"}, 400, "malformed"),
    (b"no gzip", {"Content-Encoding": "gzip"}, 400, "malformed"),
    (packed({"name": "a" * 10_000}), {"Content-Encoding": "gzip"}, 413, "too_large"),
    (b'{"name": "a"}', {"Content-Encoding": "br"}, 415, "encoding"),
    (b'{"name": "' + b"a" * 200 + b'"}', {}, 413, "too_large"),
    (b'{"name": "a"', {}, 400, "malformed"),
    (b"", {}, 400, "malformed"),
    (b'{"name": "a", "name": "b"}', {}, 400, "malformed"),
    (b'{"size": NaN}', {}, 400, "malformed"),
    (b"[" * 40 + b"]" * 40, {}, 400, "malformed"),
    (b'{"name": "\xff"}', {}, 400, "malformed"),
    (b'{"name": "a\\u0000"}', {}, 422, "invalid"),
    (b'{"name": ""}', {}, 422, "invalid"),
    (b'{"name": "a", "nmae": 1}', {}, 422, "invalid"),
    (b'{"name": "taken"}', {}, 409, "conflict"),
    (b'{"name": "crash"}', {}, 500, "internal"),
    (b"name=a", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "encoding"),
]


@pytest.mark.parametrize(("body", "headers", "status", "code"), BODIES)
def test_bodies(client, body, headers, status, code):
    answer = client.simulate_post("/things", body=body, headers=as_("admin") | headers)
    assert (answer.status_code, answer.json.get("code")) == (status, code)
    assert "secret-detail" not in answer.text


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["name", "size"]), inner),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()), packed=st.booleans())
def test_no_body_is_answered_with_a_fault_of_ours(client, body, packed):
    headers = as_("admin") | ({"Content-Encoding": "gzip"} if packed else {})
    sent = gzip.compress(body, mtime=0) if packed else body
    answer = client.simulate_post("/things", body=sent, headers=headers)
    assert answer.status_code in {201, 400, 413, 422}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(segment=st.text(min_size=1), query=st.text())
def test_no_path_or_query_is_answered_with_a_fault_of_ours(client, segment, query):
    path = f"/device/{quote(segment, safe='', errors='replace')}/state"
    text = quote(query, errors="replace")
    answer = client.simulate_get(path, headers=as_("device-1"))
    assert answer.status_code in {403, 404} or segment == "one"
    assert client.simulate_get("/search", query_string=f"text={text}").status_code in {200, 422}
    assert client.simulate_get("/search", query_string=text).status_code in {200, 422}


def test_a_wrong_body_is_answered_with_pointers(client):
    answer = client.simulate_post("/things", body=b'{"size": "x", "z/y": 1}', headers=as_("admin"))
    assert [error["pointer"] for error in answer.json["errors"]] == ["/name", "/size", "/z~1y"]
    assert answer.json["instance"] == "/things"


def test_a_domain_errors_facts_are_members(client):
    answer = client.simulate_post("/things", body=b'{"name": "taken"}', headers=as_("admin"))
    assert answer.json == {
        "type": "urn:iotistic:problem:conflict",
        "title": "Conflict",
        "status": 409,
        "code": "conflict",
        "instance": "/things",
        "detail": "there is one",
        "name": "taken",
    }


def test_a_responder_without_operation_is_refused(app):
    class Forgotten:
        async def on_get(self, req, resp): ...

    with pytest.raises(UnguardedRouteError, match=r"on_get at /forgotten"):
        app.add_route("/forgotten", Forgotten())


def test_health_names_what_fails(app, client):
    async def fine():
        return

    async def bad():
        raise UnhealthyError("fence is missing")

    async def secret():
        raise RuntimeError("password=x")

    Health({"database": fine, "configuration": bad, "other": secret}).add_to(app)
    assert client.simulate_get("/health/live").status_code == 200
    answer = client.simulate_get("/health/ready")
    assert answer.status_code == 503
    assert answer.json["checks"] == {
        "database": {"ok": True},
        "configuration": {"ok": False, "detail": "fence is missing"},
        "other": {"ok": False, "detail": "RuntimeError"},
    }


def test_openapi_describes_every_route(app):
    check_routes(app)
    document = describe(app, "Things", "1")
    post = document["paths"]["/things"]["post"]
    assert post["x-access"] == [{"kind": "admin"}]
    assert set(post["responses"]) == {
        "201",
        "400",
        "401",
        "403",
        "409",
        "408",
        "413",
        "415",
        "422",
        "500",
        "503",
    }
    assert document["paths"]["/open"]["get"]["security"] == []
    assert set(document["components"]["schemas"]) == {"Problem", "ThingBody"}
    assert document == describe(app, "Things", "1")


def test_openapi_takes_documents_of_the_contract(app):
    class Reports:
        @operation("Report", access=PUBLIC, request=Report, status=204, problems=(304,))
        async def on_post(self, req, resp): ...

    app.add_route("/reports", Reports())
    document = describe(app, "Things", "1")
    post = document["paths"]["/reports"]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Report"}
    assert "pollIntervalMs" in document["components"]["schemas"]["Report"]["properties"]
    assert "content" not in post["responses"]["304"]
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert references <= set(document["components"]["schemas"])
