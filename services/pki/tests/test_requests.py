"""What a request may say, and which names a certificate may have."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from iotistic_pki import ca
from iotistic_pki.errors import (
    KeyRefused,
    PkiFault,
    RequestRefused,
)
from iotistic_pki.keys import new_key, read_private
from iotistic_pki.requests import make_request

UUID = "6a1c1c53-27a7-4b4a-9a4f-04a1e9c5b3f2"
TENANT = ca.Tenant(
    customer_id="cust_" + "d4" * 16, base_domain="example.test", addresses=("127.77.3.20",)
)


@pytest.mark.parametrize(
    ("request_", "refused"),
    [
        (b"", RequestRefused),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", None),
        ("\ud800", None),
    ],
)
def test_requests_that_cant_be_read(tenant, request_, refused):
    with pytest.raises(refused or RequestRefused):
        tenant.issue(request_, ca.client(UUID))


def test_a_request_must_be_signed_by_its_key(tenant):
    der = bytearray(
        x509.load_pem_x509_csr(make_request(new_key("ed25519"))).public_bytes(Encoding.DER)
    )
    der[-1] ^= 1
    stolen = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)

    with pytest.raises(RequestRefused, match="own key"):
        tenant.issue(stolen, ca.client(UUID))


def test_subject_and_extensions_of_a_request_are_ignored(tenant):
    key = new_key("p256")
    wish = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "admin")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("evil.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    leaf = tenant.issue(wish.public_bytes(Encoding.PEM), ca.client(UUID))

    basic = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not basic.ca
    assert b"evil.test" not in leaf.public_bytes(Encoding.DER)
    assert leaf.subject.rfc4514_string() == f"CN={UUID}"


@pytest.mark.parametrize(
    "make",
    [
        lambda: ca.client(UUID.upper()),
        lambda: ca.client("tenant-api"),
        lambda: ca.client(f"{UUID}\n"),
        lambda: ca.service(UUID),
        lambda: ca.service("Tenant API"),
        lambda: ca.service("a.b"),
        ca.server,
        lambda: ca.server(("*.example.test",)),
        lambda: ca.server(("Example.test",)),
        lambda: ca.server(("example.test.",)),
        lambda: ca.server(("a..b",)),
        lambda: ca.server((), ("127.0.0.1/8",)),
        lambda: ca.server((), ("fe80::1%eth0",)),
        lambda: ca.Tenant(customer_id=TENANT.customer_id, base_domain=".test").scope,
        lambda: ca.server(("a.test",), (), "a.test"),
        lambda: ca.server(("a.test",), (), ""),
        lambda: ca.Profile(kind="client", common_name="x", identity="x.y/@z"),
    ],
)
def test_names_that_no_certificate_gets(make):
    with pytest.raises(PkiFault):
        make()


def test_private_keys_of_no_known_kind_are_one_clear_line(tmp_path):
    path = tmp_path / "ca.key"
    path.write_text("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n")

    with pytest.raises(KeyRefused) as refused:
        read_private(path)

    assert "nonsense" not in str(refused.value)
    assert str(path) in str(refused.value)
