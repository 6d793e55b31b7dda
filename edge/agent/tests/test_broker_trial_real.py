"""What a real Mosquitto makes of a certificate, and the agent of what it says."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.agent.tests.tenant import ADDRESS, make_authority
from edge.agent.tests.test_store import UUID
from iotistic_agent.adapters.broker_trial import Verdict, try_broker
from iotistic_contract.provisioning import BrokerConfig, MqttAccess
from iotistic_contract.topics import device_topics
from iotistic_pki import ca
from iotistic_pki.keys import KeyKind, new_key, write_private
from iotistic_pki.requests import make_request
from tests.fixtures.broker import Mosquitto, start_mosquitto

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]
LONG_AGO = datetime.now(UTC) - timedelta(days=500)


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Iterator[ca.Authority]:
    with make_authority(tmp_path_factory.mktemp("pki"), lambda: LONG_AGO) as made:
        yield replace(made, clock=ca.utc_now)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Iterator[ca.Authority]:
    with make_authority(tmp_path_factory.mktemp("stranger")) as made:
        yield made


@dataclass
class Place:
    """A broker, and a device's key and certificate for it."""

    broker: Mosquitto
    authority: ca.Authority
    key_file: Path

    def certificate(self, authority: ca.Authority, key_file: Path | None = None) -> str:
        key = new_key(KeyKind.P256)
        write_private(key_file or self.key_file, key)
        return ca.pem([authority.issue(make_request(key), ca.client(UUID))]).decode()

    def verdict(self, certificate: str, *, anchor: ca.Authority, **change) -> Verdict:
        config = BrokerConfig(
            protocol="mqtts",
            host=self.broker.address,
            port=self.broker.port,
            use_tls=True,
            ca_cert=(anchor.folder / "tenant-ca.pem").read_text(),
        )
        access = MqttAccess(
            broker_config=replace(config, **change),
            username=UUID,
            client_certificate=certificate,
            topics=device_topics(UUID),
        )
        return try_broker(access, UUID, self.key_file)


@pytest.fixture
def place(authority, tmp_path_factory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("broker")
    broker = start_mosquitto(authority, ADDRESS, folder)
    yield Place(broker, authority, folder / "tls.key")
    broker.stop()


def test_its_own_certificate_is_let_in(place, authority):
    certificate = place.certificate(authority)
    assert place.verdict(certificate, anchor=authority) is Verdict.GOOD
    assert not place.key_file.with_name("client-candidate.pem").exists()


def test_an_expired_certificate_is_refused(place, authority):
    old = replace(authority, clock=lambda: LONG_AGO)
    assert place.verdict(place.certificate(old), anchor=authority) is Verdict.REFUSED


def test_a_revoked_certificate_is_refused(place, authority):
    certificate = place.certificate(authority)
    (leaf,) = ca.certificates_from(certificate.encode())
    authority.revoke(ca.serial_text(leaf), "superseded")
    (place.broker.folder / "crl.pem").write_bytes((authority.folder / "crl.pem").read_bytes())
    place.broker.stop()
    place.broker.start()
    assert place.verdict(certificate, anchor=authority) is Verdict.REFUSED


def test_a_certificate_of_another_ca_is_refused(place, authority, stranger):
    assert place.verdict(place.certificate(stranger), anchor=authority) is Verdict.REFUSED


# paho leaves a socket whose handshake failed to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_that_the_anchor_does_not_vouch_for_is_refused(place, authority, stranger):
    assert place.verdict(place.certificate(authority), anchor=stranger) is Verdict.REFUSED


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_of_another_name_is_refused(place, authority):
    certificate = place.certificate(authority)
    assert place.verdict(certificate, anchor=authority, host="localhost") is not Verdict.GOOD


def test_a_certificate_for_another_key_is_refused(place, authority, tmp_path):
    certificate = place.certificate(authority, tmp_path / "other.key")
    write_private(place.key_file, new_key(KeyKind.P256))
    assert place.verdict(certificate, anchor=authority) is Verdict.REFUSED


def test_nobody_there_is_no_refusal(place, authority):
    certificate = place.certificate(authority)
    place.broker.stop()
    assert place.verdict(certificate, anchor=authority) is Verdict.UNREACHABLE
