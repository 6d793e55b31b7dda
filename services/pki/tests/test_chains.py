"""What OpenSSL, in strict mode, says about our chains, from both anchors."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from iotistic_pki import ca
from iotistic_pki.certificates import CaForm, Validity, authority_certificate, leaf_certificate
from iotistic_pki.errors import NameRefused
from iotistic_pki.keys import new_key, spki_sha256
from iotistic_pki.profiles import Profile

UUID = "6a1c1c53-27a7-4b4a-9a4f-04a1e9c5b3f2"
SHORT = "a1a1a1a1"


def anchors(site):
    """Both ways to trust a tenant's certificates: its own anchor alone, or the root alone."""
    chain = ["-untrusted", site.tenant.folder / "chain.pem"]
    return (
        (site.tenant.folder / "tenant-ca.pem", []),
        (site.root.folder / "ca.pem", chain),
    )


@pytest.mark.parametrize(
    ("profile", "purpose"),
    [
        (ca.server((f"api.{SHORT}.iotistic.internal",), ("127.77.3.16",)), "sslserver"),
        (ca.server((f"{SHORT}.example.test",)), "sslserver"),
        (ca.server((), ("127.77.3.16",)), "sslserver"),
        (ca.client(UUID), "sslclient"),
        (ca.service("tenant-api"), "sslclient"),
    ],
)
@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_a_leaf_verifies_from_both_anchors(site, leaf, verify, profile, purpose, kind):
    made = leaf(site.tenant, profile, kind)
    crl = site.tenant.write_crl()
    options = ["-purpose", purpose, "-crl_check", "-CRLfile", site.tenant.folder / "crl.pem"]

    said = [verify(made.path, anchor, *options, *chain) for anchor, chain in anchors(site)]

    assert said == ["OK", "OK"]
    assert crl.number > 0


def test_a_leaf_doesnt_verify_under_another_tenants_anchor(site, leaf, verify):
    made = leaf(site.tenant, ca.client(UUID))

    said = verify(made.path, site.other.folder / "tenant-ca.pem", "-purpose", "sslclient")

    assert said == "unable to get local issuer certificate"


@pytest.mark.parametrize(
    ("profile", "purpose"),
    [(ca.client(UUID), "sslserver"), (ca.server((), ("127.77.3.16",)), "sslclient")],
)
def test_a_leaf_serves_one_purpose(site, leaf, verify, profile, purpose):
    made = leaf(site.tenant, profile)

    said = verify(made.path, site.tenant.folder / "tenant-ca.pem", "-purpose", purpose)

    assert said in {"unsupported certificate purpose", "unsuitable certificate purpose"}


def test_the_two_forms_are_one_authority(site):
    signed, alone = site.tenant.certificate, site.tenant.anchor

    def identity(certificate):
        key_id = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return certificate.subject, spki_sha256(certificate.public_key()), key_id

    assert identity(signed) == identity(alone)
    assert signed.serial_number != alone.serial_number
    assert signed.issuer == site.platform.certificate.subject
    assert alone.issuer == alone.subject
    for form in (signed, alone):
        constraint = form.extensions.get_extension_for_class(x509.NameConstraints)
        assert constraint.critical
        basic = form.extensions.get_extension_for_class(x509.BasicConstraints)
        assert (basic.critical, basic.value.path_length) == (True, 0)


def forged(authority, profile):
    """A leaf that the tenant CA's key signs behind the back of its own checks."""
    now = datetime.now(UTC).replace(microsecond=0)
    validity = Validity(serial=7, not_before=now, not_after=now + timedelta(days=1))
    key = new_key("ed25519").public_key()
    return leaf_certificate(profile, key, validity, authority.certificate, authority.key)


@pytest.mark.parametrize(
    "profile",
    [
        ca.server(("b2b2b2b2.iotistic.internal",)),
        ca.server(("api.b2b2b2b2.example.test",)),
        ca.server((f"x{SHORT}.example.test",)),
        ca.server(("example.test",)),
        ca.server((), ("127.77.3.17",)),
        ca.server((), ("::1",)),
        ca.server((f"{SHORT}.example.test",), ("127.77.3.16", "10.0.0.1")),
    ],
)
def test_a_stolen_tenant_key_makes_no_foreign_names(site, tmp_path, verify, profile):
    path = tmp_path / "forged.pem"
    path.write_bytes(ca.pem(forged(site.tenant, profile)))

    said = [verify(path, anchor, *chain) for anchor, chain in anchors(site)]

    assert set(said) <= {"permitted subtree violation", "unsupported name constraint type"}


@pytest.mark.parametrize(
    "host",
    [
        f"{UUID}.b2b2b2b2.iotistic.internal",
        f"{UUID}.{SHORT}.iotistic.internal.evil.test",
        f"{UUID}{SHORT}.iotistic.internal",
        f"{SHORT}.iotistic.internal",
        "iotistic.internal",
    ],
)
def test_a_foreign_identity_is_no_identity(site, tmp_path, verify, monkeypatch, host):
    foreign = x509.UniformResourceIdentifier(f"iotistic://{host}/")
    monkeypatch.setattr(Profile, "alternative_names", lambda *_: [foreign])
    path = tmp_path / "forged.pem"
    path.write_bytes(ca.pem(forged(site.tenant, ca.client(UUID))))

    said = [verify(path, anchor, *chain) for anchor, chain in anchors(site)]

    assert said == ["permitted subtree violation"] * 2


def test_a_tenant_ca_makes_no_further_ca(site, tmp_path, verify):
    now = datetime.now(UTC).replace(microsecond=0)
    validity = Validity(serial=8, not_before=now, not_after=now + timedelta(days=1))
    key = new_key("p256")
    form = CaForm(subject=ca_name("Rogue CA"), path_length=0)
    rogue = authority_certificate(
        form, key.public_key(), validity, site.tenant.certificate.subject, site.tenant.key
    )
    made = leaf_certificate(ca.client(UUID), new_key("p256").public_key(), validity, rogue, key)
    path, untrusted = tmp_path / "leaf.pem", tmp_path / "rogue.pem"
    path.write_bytes(ca.pem(made))
    untrusted.write_bytes(ca.pem(rogue))

    said = verify(path, site.tenant.folder / "tenant-ca.pem", "-untrusted", untrusted)

    assert said == "path length constraint exceeded"


def ca_name(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (ca.server(("b2b2b2b2.iotistic.internal",)), "name"),
        (ca.server((f"x{SHORT}.iotistic.internal",)), "name"),
        (ca.server((), ("127.77.3.17",)), "address"),
    ],
)
def test_an_honest_tenant_ca_refuses_foreign_names_first(site, profile, reason):
    before = len(site.tenant.index.entries())

    with pytest.raises(NameRefused) as refused:
        site.tenant.issue(new_key("p256").public_key(), profile)

    assert refused.value.reason == reason
    assert len(site.tenant.index.entries()) == before


def test_a_tenant_without_addresses_certifies_none(site, tmp_path, verify):
    tenant = ca.Tenant(customer_id="cust_" + "c3" * 16, base_domain="example.test")
    with ca.create_tenant(tmp_path / "ca", site.platform, tenant) as authority:
        path = tmp_path / "forged.pem"
        path.write_bytes(ca.pem(forged(authority, ca.server((), ("127.77.3.16",)))))

        said = verify(path, tmp_path / "ca" / "tenant-ca.pem")

    assert said == "excluded subtree violation"


def test_a_revoked_leaf_is_refused(site, leaf, verify):
    revoked, kept = leaf(site.tenant, ca.client(UUID)), leaf(site.tenant, ca.client(UUID))
    site.tenant.revoke(ca.serial_text(revoked.certificate), "key_compromise")
    anchor = site.tenant.folder / "tenant-ca.pem"
    options = ["-crl_check", "-CRLfile", site.tenant.folder / "crl.pem"]

    said = [verify(made.path, anchor, *options) for made in (revoked, kept)]

    assert said == ["certificate revoked", "OK"]


def test_every_level_has_its_list(site, leaf, verify, tmp_path):
    made = leaf(site.tenant, ca.client(UUID))
    levels = (site.root, site.platform, site.tenant)
    lists = tmp_path / "lists.pem"
    lists.write_bytes(b"".join((level.folder / "crl.pem").read_bytes() for level in levels))
    chain = ["-untrusted", site.tenant.folder / "chain.pem"]
    options = ["-crl_check_all", "-CRLfile", lists, *chain]

    assert verify(made.path, site.root.folder / "ca.pem", *options) == "OK"


def test_a_tenant_whose_ca_is_revoked_is_out(site, leaf, verify, tmp_path):
    """Seen from the root; who trusts the tenant's own anchor trusts it by choice."""
    tenant = ca.Tenant(customer_id="cust_" + "e5" * 16, base_domain="example.test")
    with ca.create_tenant(tmp_path / "ca", site.platform, tenant) as authority:
        made = leaf(authority, ca.client(UUID))
        site.platform.revoke(ca.serial_text(authority.certificate), "cessation_of_operation")
        lists = tmp_path / "lists.pem"
        levels = (site.root, site.platform, authority)
        lists.write_bytes(b"".join((level.folder / "crl.pem").read_bytes() for level in levels))
        chain = ["-untrusted", authority.folder / "chain.pem"]
        options = ["-crl_check_all", "-CRLfile", lists, *chain]

        said = verify(made.path, site.root.folder / "ca.pem", *options)

    assert said == "certificate revoked"


def test_leaves_are_lean(site, leaf):
    certificate = leaf(site.tenant, ca.client(UUID)).certificate
    names = [extension.value.__class__.__name__ for extension in certificate.extensions]
    key_id = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value

    assert sorted(names) == [
        "AuthorityKeyIdentifier",
        "BasicConstraints",
        "ExtendedKeyUsage",
        "KeyUsage",
        "SubjectAlternativeName",
        "SubjectKeyIdentifier",
    ]
    assert key_id.authority_cert_serial_number is None
    assert certificate.subject == ca_name(UUID)
    uris = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert uris.get_values_for_type(x509.UniformResourceIdentifier) == [
        f"iotistic://{UUID}.{SHORT}.iotistic.internal/"
    ]
