"""The signing process over its socket, as another process."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from iotistic_pki import ca
from iotistic_pki.cli import main
from iotistic_pki.errors import SignerRefused, SignerUnavailable
from iotistic_pki.keys import new_key
from iotistic_pki.requests import make_request
from iotistic_pki.signer import Signer, SignerClient

UUID = "6a1c1c53-27a7-4b4a-9a4f-04a1e9c5b3f2"
TENANT = ca.Tenant(
    customer_id="cust_" + "d4" * 16, base_domain="example.test", addresses=("127.77.3.20",)
)


@pytest.fixture(scope="module")
def folder(site, tmp_path_factory):
    path = tmp_path_factory.mktemp("signer") / "ca"
    ca.create_tenant(path, site.platform, TENANT).close()
    return path


@contextmanager
def signing(folder):
    """The process, ready; stopped at the end."""
    run = folder.parent
    command = [sys.executable, "-m", "iotistic_pki.cli", "sign", "--ca", str(folder)]
    command += ["--socket", str(run / "s"), "--crl", str(run / "broker.pem")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        ready = json.loads(process.stdout.readline())
        assert ready["event"] == "signer_ready"
        try:
            yield process
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def process(folder):
    with signing(folder) as running:
        yield running


@pytest.fixture
def signer(process, folder):
    return SignerClient(folder.parent / "s")


def csr(kind="ed25519"):
    return make_request(new_key(kind)).decode()


def test_leaves_come_from_the_ca(signer, folder):
    leaves = [
        signer.issue_client(csr(), UUID),
        signer.issue_service(csr("p256"), "tenant-api"),
        signer.issue_server(csr("p256"), ["d4d4d4d4.example.test"], ["127.77.3.20"], days=30),
    ]
    anchor = x509.load_pem_x509_certificate((folder / "tenant-ca.pem").read_bytes())
    for text in leaves:
        leaf = x509.load_pem_x509_certificate(text.encode())
        leaf.verify_directly_issued_by(anchor)

    names = [
        x509.load_pem_x509_certificate(text.encode()).subject.rfc4514_string() for text in leaves
    ]
    assert names == [f"CN={UUID}", "CN=tenant-api", "CN=server"]


def test_the_chain_is_what_servers_send(signer, folder):
    assert signer.chain() == (folder / "chain.pem").read_text()
    assert signer.chain().count("BEGIN CERTIFICATE") == 2


def test_a_revocation_is_in_every_crl_at_once(signer, folder):
    leaf = x509.load_pem_x509_certificate(signer.issue_client(csr(), UUID).encode())

    answered = signer.revoke(ca.serial_text(leaf), "superseded")

    crl = x509.load_pem_x509_crl(answered.encode())
    assert crl.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None
    files = [(folder.parent / "broker.pem").read_text(), (folder / "crl.pem").read_text()]
    assert [signer.crl(), *files] == [answered] * 3


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda s: s.issue_client(csr(), "admin"), "uuid"),
        (lambda s: s.issue_client("no request", UUID), "certificate_request"),
        (lambda s: s.issue_client(csr(), UUID, days=398), "call"),
        (lambda s: s.issue_client(csr(), UUID, days=True), "call"),
        (lambda s: s.issue_service(csr(), UUID), "name"),
        (lambda s: s.issue_server(csr(), ["a1a1a1a1.example.test"]), "name"),
        (lambda s: s.issue_server(csr(), [], ["127.77.3.21"]), "address"),
        (lambda s: s.issue_server(csr(), [1]), "call"),
        (lambda s: s.revoke("00"), "serial"),
        (lambda s: s.revoke("00", "because"), "reason"),
        (lambda s: s._text("key"), "call"),
    ],
)
def test_wishes_that_are_refused(signer, call, reason):
    with pytest.raises(SignerRefused) as refused:
        call(signer)

    assert refused.value.reason == reason
    assert signer.chain()


@pytest.mark.parametrize(
    "line", [b"\n", b"{\n", b"[]\n", b"\xff\n", b"null\n", b'{"call": 1}\n', b"x" * 2_000_000]
)
def test_noise_on_the_socket_harms_nobody(signer, folder, line):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(str(folder.parent / "s"))
        try:
            connection.sendall(line)
            connection.recv(4096)
        except OSError:
            pass

    assert signer.chain()


def test_many_ask_at_once(signer):
    serials = []

    def ask():
        text = signer.issue_client(csr(), UUID)
        serials.append(x509.load_pem_x509_certificate(text.encode()).serial_number)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(serials)) == 16


def test_only_the_owner_may_ask(process, folder):
    assert stat.S_IMODE((folder.parent / "s").stat().st_mode) == 0o600


def test_there_is_one_signer_per_ca(process, folder, capfd):
    command = [sys.executable, "-m", "iotistic_pki.cli", "sign", "--ca", str(folder)]
    second = subprocess.run(
        [*command, "--socket", str(folder.parent / "t")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 2
    assert second.stderr == f"iotistic-pki: another process signs for {folder}\n"
    assert not (folder.parent / "t").exists()


def test_a_start_after_a_kill_takes_the_socket_and_signs_the_crl(site, tmp_path):
    folder = tmp_path / "ca"
    ca.create_tenant(folder, site.platform, TENANT).close()
    with signing(folder) as first:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    numbers = [crl_number(tmp_path / "broker.pem")]
    assert (tmp_path / "s").exists()
    with pytest.raises(SignerUnavailable):
        SignerClient(tmp_path / "s").chain()

    with signing(folder) as second:
        assert SignerClient(tmp_path / "s").chain()
        numbers.append(crl_number(tmp_path / "broker.pem"))

    assert second.returncode == 0
    assert not (tmp_path / "s").exists()
    assert numbers[1] > numbers[0]


def crl_number(path):
    crl = x509.load_pem_x509_crl(path.read_bytes())
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_nobody_there_is_said_in_one_line(tmp_path):
    with pytest.raises(SignerUnavailable, match="doesn't answer"):
        SignerClient(tmp_path / "nobody").crl()


@pytest.mark.parametrize("answer", [b"", b"hello\n", b"[]\n"])
def test_another_program_on_the_socket_is_noticed(tmp_path, answer):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()

        def speak():
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=speak)
        thread.start()
        with pytest.raises(SignerUnavailable):
            SignerClient(path).crl()
        thread.join()


def test_the_crl_is_due_before_half_of_its_life(site):
    crl = Signer(site.tenant).renew_crl()

    now = datetime.now(UTC)
    after = [crl.due(now + timedelta(hours=hours)) for hours in (0, 71, 72, 84, 4000)]

    assert after == [False, False, True, True, True]
    assert crl.next_update - crl.this_update == timedelta(days=7)
    assert timedelta(minutes=4) < now - crl.this_update < timedelta(minutes=6)


def test_a_clock_that_is_set_back_asks_for_a_new_crl(site):
    crl = Signer(site.tenant).renew_crl()

    assert crl.due(crl.this_update - timedelta(days=400))


def test_a_full_disk_is_an_answer(site, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    signer = Signer(site.tenant)
    monkeypatch.setattr("iotistic_pki.authority.write_atomic", full)

    answer = signer.answer(b'{"call": "crl"}')

    assert answer["refused"] == "storage"
    assert "No space left" in answer["detail"]


def test_a_revocation_whose_list_was_not_written_is_in_the_next_one(tenant, tmp_path):
    copy = tmp_path / "broker" / "crl.pem"
    copy.parent.mkdir()
    signer = Signer(tenant, copy)
    first = signer.renew_crl()
    leaf = tenant.issue(csr(), ca.client(UUID))
    copy.parent.rename(tmp_path / "away")
    message = {"call": "revoke", "serial": ca.serial_text(leaf), "reason": "superseded"}

    assert signer.answer(json.dumps(message).encode())["refused"] == "storage"

    assert signer.crl is None, "due now, not in three days"
    (tmp_path / "away").rename(copy.parent)
    answered = signer.answer(b'{"call": "crl"}')["pem"]
    assert copy.read_text() == answered
    crl = x509.load_pem_x509_crl(answered.encode())
    assert crl.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None
    assert signer.crl.number > first.number


@pytest.mark.parametrize("arguments", [["sign"], [], ["sign", "--ca", "x"]])
def test_wrong_arguments_say_how(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "iotistic_pki.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("usage: iotistic-pki")


def test_a_crl_that_cant_be_written_is_one_line(tenant, tmp_path, capsys):
    arguments = ["sign", "--ca", str(tenant.folder), "--socket", str(tmp_path / "s")]

    assert main([*arguments, "--crl", str(tmp_path / "missing" / "crl.pem")]) == 2
    assert "No such file or directory" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_a_missing_ca_is_one_line(tmp_path, capsys):
    assert main(["list", "--ca", str(tmp_path)]) == 2
    path = tmp_path / "ca.pem"
    assert capsys.readouterr().err == (
        f"iotistic-pki: can't read {path}: No such file or directory\n"
    )
