"""Registries that ask who it is, with certificates of their own, behind redirects and proxies."""

import os

import pytest

from edge.agent.tests.pulling import Pulling
from edge.agent.tests.registries import (
    ADDRESS,
    HTPASSWD,
    NAME,
    ConnectProxy,
    TokenServer,
    auth_file,
    basic,
    redirecting,
    serving,
    tls_yaml,
    trusted,
)
from iotistic_agent.faults import PullDenied, PullFault, RegistryUnavailable
from tests.fixtures.bad_link import bad_link
from tests.fixtures.images import Writer, layer, run_registry

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


@pytest.fixture
def pulling(docker_engine, tmp_path):
    made: list[Pulling] = []

    def make(**words: str) -> Pulling:
        words = {"REGISTRY_CERTS_DIR": str(tmp_path / "certs"), **words}
        made.append(Pulling(docker_engine, tmp_path / f"images{len(made)}", **words))
        return made[-1]

    yield make
    for each in made:
        each.clean()


def own_layer():
    return layer({"f": os.urandom(100_000)})


@pytest.fixture
def closed(authority, tmp_path):
    """A registry behind TLS by an authority of its own, and a password."""
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    secured = tls_yaml(authority, tmp_path)
    auth = f"auth: {{htpasswd: {{realm: test, path: {tmp_path / 'htpasswd'}}}}}\n"
    with run_registry(tmp_path, ADDRESS, secured + auth) as address:
        port = address.rpartition(":")[2]
        context = trusted(authority, tmp_path / "certs", address, f"{NAME}:{port}")
        yield Writer(address, context, basic()).image("test/closed", own_layer())


def test_with_a_password(pulling, closed, tmp_path):
    host = closed.reference.partition("/")[0]
    pulling = pulling(REGISTRY_AUTH_FILE=auth_file(tmp_path, host))
    pulling.pull(closed.reference)
    assert pulling.id_of(closed.reference) == closed.config


def test_without_one_it_says_where_to_put_it(pulling, closed):
    with pytest.raises(PullDenied, match=r"401; it needs credentials.*REGISTRY_AUTH_FILE"):
        pulling().pull(closed.reference)


def test_with_a_wrong_one_it_says_whose_it_was(pulling, closed, tmp_path):
    host = closed.reference.partition("/")[0]
    file = auth_file(tmp_path, host, username="nobody", password="wr0ng")
    with pytest.raises(PullDenied, match="doesn't let nobody have it") as caught:
        pulling(REGISTRY_AUTH_FILE=file).pull(closed.reference)
    assert "wr0ng" not in str(caught.value)


def test_a_file_that_others_can_read_is_refused(pulling, closed, tmp_path):
    host = closed.reference.partition("/")[0]
    with pytest.raises(PullFault, match="open to others: chmod 600"):
        pulling(REGISTRY_AUTH_FILE=auth_file(tmp_path, host, 0o640)).pull(closed.reference)


def test_an_authority_that_nobody_named_is_refused(pulling, closed, tmp_path):
    unknown = pulling(REGISTRY_CERTS_DIR=str(tmp_path / "none"))
    with pytest.raises(RegistryUnavailable, match=r"certificate of .* can't be verified"):
        unknown.pull(closed.reference)


def test_with_a_token(pulling, authority, tmp_path):
    tokens = TokenServer(authority, tmp_path)
    with (
        serving(tokens.handler(), "127.77.5.7") as realm,
        run_registry(tmp_path, "127.77.5.5", tokens.yaml(realm)) as address,
    ):
        writing = f"Bearer {tokens.token(['pull', 'push'], 'test/token')}"
        pushed = Writer(address, authorization=writing).image("test/token", own_layer())
        with pytest.raises(PullDenied, match="needs credentials"):
            pulling().pull(pushed.reference)
        tokens.asked.clear()
        knows = pulling(REGISTRY_AUTH_FILE=auth_file(tmp_path, address))
        knows.pull(pushed.reference)
        asked = {"service": ["test-registry"], "scope": ["repository:test/token:pull"]}
        assert tokens.asked == [(asked, basic())], "one token for all blobs"
        assert knows.id_of(pushed.reference) == pushed.config


def test_credentials_stay_when_a_redirect_goes_elsewhere(pulling, registry, tmp_path):
    pushed = Writer(registry.address).image("test/redirected", own_layer())
    with bad_link(registry.address) as elsewhere:
        handler = redirecting(registry.address, f"http://{elsewhere.address}")
        with serving(handler, "127.77.5.7") as front:
            knows = pulling(REGISTRY_AUTH_FILE=auth_file(tmp_path, front))
            reference = pushed.reference.replace(registry.address, front)
            knows.pull(reference)
    assert knows.id_of(reference) == pushed.config
    assert elsewhere.requests
    assert not any("uthorization" in request for request in elsewhere.requests)


def test_a_redirect_to_plain_http_is_refused(pulling, registry, tmp_path):
    pushed = Writer(registry.address).image("test/downgraded", own_layer())
    handler = redirecting(registry.address, "http://blobs.example.test")
    with serving(handler, "127.77.5.7") as front:
        knows = pulling(REGISTRY_AUTH_FILE=auth_file(tmp_path, front))
        with pytest.raises(PullFault, match=r"http://blobs\.example\.test, which isn't https"):
            knows.pull(pushed.reference.replace(registry.address, front))


def test_through_a_proxy(pulling, closed, tmp_path):
    address, _, name = closed.reference.partition("/")
    host = f"{NAME}:{address.rpartition(':')[2]}"
    proxy = ConnectProxy("127.77.5.8", address)
    knows = pulling(
        HTTPS_PROXY=f"http://me:s3cret@{proxy.address}",
        REGISTRY_AUTH_FILE=auth_file(tmp_path, host),
    )
    knows.pull(f"{host}/{name}")
    proxy.close()
    assert knows.id_of(f"{host}/{name}") == closed.config
    assert all(each.startswith(f"CONNECT {host} HTTP/1.") for each in proxy.asked)
    assert all(f"Proxy-Authorization: {basic('me', 's3cret')}" in each for each in proxy.asked)
