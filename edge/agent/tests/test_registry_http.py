"""What goes over the wire to a registry, byte by byte."""

import pytest

from iotistic_agent.adapters.registry_http import RegistryHttp
from iotistic_agent.images.progress import Stop
from iotistic_agent.images.registry_settings import registry_settings


class Wire:
    """Takes what is sent."""

    def __init__(self) -> None:
        self.sent = b""

    def sendall(self, content: bytes) -> None:
        self.sent += content

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(
    ("url", "proxied", "first", "host"),
    [
        ("https://ghcr.io/v2/", False, "GET /v2/ HTTP/1.1", "ghcr.io"),
        ("https://ghcr.io:443/v2/", False, "GET /v2/ HTTP/1.1", "ghcr.io"),
        ("https://lan:5000/v2/?ns=a", False, "GET /v2/?ns=a HTTP/1.1", "lan:5000"),
        ("http://lan/v2/", False, "GET /v2/ HTTP/1.1", "lan"),
        ("https://[::1]:5000/", False, "GET / HTTP/1.1", "[::1]:5000"),
        ("http://lan:5000/v2/", True, "GET http://lan:5000/v2/ HTTP/1.1", "lan:5000"),
        ("https://ghcr.io/v2/", True, "GET /v2/ HTTP/1.1", "ghcr.io"),
    ],
)
def test_the_request_names_the_host_as_the_address_does(url, proxied, first, host):
    words = {"HTTP_PROXY": "me:pw@proxy:3128", "HTTPS_PROXY": "proxy:3128"} if proxied else {}
    http = RegistryHttp(registry_settings(words), Stop())
    connection, target, more = http._connection(url)
    connection.sock = wire = Wire()
    connection.request("GET", target, headers=dict(more))
    lines = wire.sent.decode().split("\r\n")
    assert (lines[0], lines[1]) == (first, f"Host: {host}")
    plain = proxied and url.startswith("http://")
    assert ("Proxy-Authorization: Basic bWU6cHc=" in lines) is plain


def test_a_registry_on_the_device_itself_is_reached_without_the_proxy():
    http = RegistryHttp(registry_settings({"HTTPS_PROXY": "proxy:3128"}), Stop())
    hosts = [http._connection(f"https://{host}/v2/")[0].host for host in ("127.0.0.1:5", "ghcr.io")]
    assert hosts == ["127.0.0.1", "proxy"]
