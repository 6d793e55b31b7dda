"""HTTPS_PROXY and NO_PROXY: which way, and TLS to the real host all the same."""

from collections.abc import Iterator

import pytest

from edge.agent.tests.tenant import ADDRESS
from edge.agent.tests.test_cloud import KEY
from iotistic_agent.adapters.cloud import Cloud, verified_by
from iotistic_agent.adapters.tunnel import tunnelled
from iotistic_agent.faults import CloudUnavailable, SettingsRefused
from iotistic_agent.provisioning import fetched_ca
from iotistic_agent.proxies import Proxies, parse_proxies
from iotistic_agent.settings import from_environment
from tests.fixtures.proxy import ConnectProxy


@pytest.fixture
def proxy() -> Iterator[ConnectProxy]:
    made = ConnectProxy(ADDRESS, "ada:love%lace")
    yield made
    made.close()


@pytest.fixture
def proxies(proxy) -> Proxies:
    return parse_proxies({"HTTPS_PROXY": proxy.url.replace("%", "%25")})


@pytest.mark.parametrize(
    ("rules", "host", "port", "is_direct"),
    [
        ("", "api.example.com", 443, False),
        ("*", "api.example.com", 443, True),
        ("example.com", "api.example.com", 443, True),
        ("example.com", "example.com", 443, True),
        ("example.com", "badexample.com", 443, False),
        (".example.com", "api.example.com", 443, True),
        ("*.example.com", "api.example.com", 443, True),
        ("a, API.Example.Com ,b", "api.example.com", 443, True),
        ("api.example.com:443", "api.example.com", 443, True),
        ("api.example.com:444", "api.example.com", 443, False),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.1.2.3", "10.1.2.3", 443, True),
        ("10.1.2.3:8883", "10.1.2.3", 443, False),
        ("fd00::/8", "fd12::1", 443, True),
        ("localhost", "localhost", 443, True),
    ],
)
def test_who_is_reached_without_the_proxy(rules, host, port, is_direct):
    found = parse_proxies({"https_proxy": "http://proxy:3128", "no_proxy": rules})
    assert (found.to(host, port) is None) is is_direct


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, ("proxy", 3128)),
        ({"HTTPS_PROXY": "proxy:3128"}, ("proxy", 3128)),
        ({"HTTPS_PROXY": "http://proxy/"}, ("proxy", 80)),
        ({"https_proxy": "http://small:2"}, ("small", 2)),
        ({"HTTP_PROXY": "http://plain:1"}, None),
    ],
)
def test_which_proxy(words, expected):
    found = from_environment(words).proxies.to("api", 443)
    assert (None if found is None else (found.host, found.port)) == expected


@pytest.mark.parametrize("text", ["https://proxy:1", "socks5://proxy:1", "http://", "http://p:x"])
def test_a_proxy_that_can_not_be_used_is_refused(text):
    with pytest.raises(SettingsRefused, match="HTTPS_PROXY"):
        from_environment({"HTTPS_PROXY": text})


def test_credentials_are_shown_nowhere():
    found = from_environment({"HTTPS_PROXY": "http://ada:lovelace@proxy:1"})
    assert "love" not in repr(found)
    assert "YWRh" not in repr(found)


def test_calls_go_through_and_tls_ends_at_the_tenant(tenant, proxy, proxies):
    tenant.api_keys.append(KEY["X-Device-API-Key"])
    cloud = Cloud(tenant.origin, verified_by(tenant.ca_pem), KEY, proxies=proxies)
    assert cloud.call("GET", "/api/v1/device/x/state").status == 200
    assert proxy.asked == [f"{ADDRESS}:{tenant.port}"]
    assert "proxy-authorization" not in tenant.requests[-1].headers
    cloud.close()
    stranger = Cloud(tenant.origin, verified_by(None), KEY, proxies=proxies)
    with pytest.raises(CloudUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        stranger.call("GET", "/api/v1/device/x/state")


def test_the_anchor_is_fetched_through_the_proxy(tenant, proxy, proxies):
    assert fetched_ca(tenant.string(), proxies) == tenant.ca_pem
    assert proxy.asked == [f"{ADDRESS}:{tenant.port}"]


def test_a_proxy_that_refuses_is_a_cloud_that_is_away(tenant, proxy):
    wrong = parse_proxies({"HTTPS_PROXY": f"http://eve:x@{proxy.address}:{proxy.port}"})
    cloud = Cloud(tenant.origin, verified_by(tenant.ca_pem), KEY, proxies=wrong)
    with pytest.raises(CloudUnavailable, match="407"):
        cloud.call("GET", "/api/v1/x")
    with pytest.raises(OSError, match="407"):
        tunnelled(wrong.to(ADDRESS, tenant.port), ADDRESS, tenant.port, 5.0)
    assert proxy.asked == []
