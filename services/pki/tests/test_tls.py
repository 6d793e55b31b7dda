"""Real handshakes by Python's ssl: who gets in where."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest

from iotistic_pki import ca

UUID = "6a1c1c53-27a7-4b4a-9a4f-04a1e9c5b3f2"
HOST, ADDRESS = "api.a1a1a1a1.iotistic.internal", "127.77.3.16"


def handshake(server_context, client_context, host):
    """Shake hands in memory; the server's view of the client's certificate. SSLError if refused."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
    for _ in range(5):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    client.write(b"x")
    assert server.read(1) == b"x"
    return server.getpeercert()


def server_context(leaf, client_anchor=None, crl=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf.path, leaf.key_path)
    if client_anchor is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_anchor)
    if crl is not None:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        context.load_verify_locations(crl)
    return context


def client_context(anchor, leaf=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_TRUSTED_FIRST
    context.load_verify_locations(anchor)
    if leaf is not None:
        context.load_cert_chain(leaf.path, leaf.key_path)
    return context


@pytest.fixture
def server(site, leaf):
    return leaf(site.tenant, ca.server((HOST,), (ADDRESS,)))


@pytest.mark.parametrize("host", [HOST, ADDRESS])
@pytest.mark.parametrize("anchor", ["tenant/tenant-ca.pem", "root/ca.pem"])
def test_a_client_with_either_anchor_alone_trusts_the_server(site, server, host, anchor):
    path = site.root.folder.parent / anchor

    assert handshake(server_context(server), client_context(path), host) is None


@pytest.mark.parametrize(
    ("anchor", "host", "said"),
    [
        ("other/tenant-ca.pem", HOST, "unable to get"),
        ("root/ca.pem", "api.b2b2b2b2.iotistic.internal", "Hostname mismatch"),
        ("root/ca.pem", "127.77.3.17", "IP address mismatch"),
        ("root/ca.pem", "server", "Hostname mismatch"),
    ],
)
def test_a_client_refuses_another_server(site, server, anchor, host, said):
    context = client_context(site.root.folder.parent / anchor)

    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        handshake(server_context(server), context, host)

    assert said in str(refused.value)


def test_a_device_gets_in_at_its_own_tenant(site, server, leaf):
    device = leaf(site.tenant, ca.client(UUID), "ed25519")
    anchor = site.tenant.folder / "tenant-ca.pem"
    context = server_context(server, anchor, site.tenant.folder / "crl.pem")

    seen = handshake(context, client_context(anchor, device), HOST)

    assert seen["subject"] == ((("commonName", UUID),),)
    assert seen["subjectAltName"] == (("URI", f"iotistic://{UUID}.a1a1a1a1.iotistic.internal/"),)


def test_another_tenants_device_is_refused(site, server, leaf):
    stranger = leaf(site.other, ca.client(UUID))
    anchor = site.tenant.folder / "tenant-ca.pem"

    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get"):
        handshake(server_context(server, anchor), client_context(anchor, stranger), HOST)


def test_a_server_certificate_opens_no_door(site, server):
    anchor = site.tenant.folder / "tenant-ca.pem"

    with pytest.raises(ssl.SSLCertVerificationError, match="unsuitable certificate purpose"):
        handshake(server_context(server, anchor), client_context(anchor, server), HOST)


def test_a_revoked_device_is_refused(site, server, leaf):
    device = leaf(site.tenant, ca.client(UUID))
    anchor = site.tenant.folder / "tenant-ca.pem"
    site.tenant.revoke(ca.serial_text(device.certificate), "superseded")
    context = server_context(server, anchor, site.tenant.folder / "crl.pem")

    with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
        handshake(context, client_context(anchor, device), HOST)


def test_a_stale_list_refuses_everybody(site, server, leaf, tmp_path):
    device = leaf(site.tenant, ca.client(UUID))
    anchor = site.tenant.folder / "tenant-ca.pem"
    stale = tmp_path / "crl.pem"
    with ca.load(site.tenant.folder, clock=lambda: datetime.now(UTC) - timedelta(days=8)) as past:
        past.write_crl(stale)
    site.tenant.write_crl()

    with pytest.raises(ssl.SSLCertVerificationError, match="CRL has expired"):
        handshake(server_context(server, anchor, stale), client_context(anchor, device), HOST)


def test_a_device_without_a_clock_trusts_its_server(site, server, verify):
    """Its time is then the pinned CA's first second (11-wire): the leaf must be good by then."""
    first = site.tenant.anchor.not_valid_before_utc

    said = verify(
        server.path,
        site.tenant.folder / "tenant-ca.pem",
        "-purpose",
        "sslserver",
        "-attime",
        int(first.timestamp()),
    )

    assert said == "OK"
