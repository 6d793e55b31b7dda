"""A real Mosquitto with our certificates: the tenant's own devices get in, nobody else."""

import shutil
import signal
import socket
import subprocess
import time

import pytest

from iotistic_pki import ca

pytestmark = pytest.mark.real

HOST, PORT = "127.77.3.16", 18883
UUID = "6a1c1c53-27a7-4b4a-9a4f-04a1e9c5b3f2"
_CONFIGURATION = """
user root
per_listener_settings false
listener {port} {host}
allow_anonymous false
cafile {folder}/tenant-ca.pem
certfile {server.path}
keyfile {server.key_path}
crlfile {crl}
require_certificate true
use_identity_as_username true
tls_version tlsv1.2
"""


@pytest.fixture
def broker(site, leaf, tmp_path):
    """A running broker of the tenant, as its role starts it."""
    server = leaf(site.tenant, ca.server((), (HOST,)))
    crl = tmp_path / "crl.pem"
    site.tenant.write_crl(crl)
    configuration = tmp_path / "mosquitto.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            host=HOST, port=PORT, folder=site.tenant.folder, server=server, crl=crl
        )
    )
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
    with subprocess.Popen([program, "-c", configuration], stderr=subprocess.PIPE) as process:
        _await_listening(process)
        yield process
        process.terminate()
        process.stderr.read()


def _await_listening(process):
    for _ in range(100):
        try:
            socket.create_connection((HOST, PORT), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    process.kill()
    raise AssertionError(process.stderr.read().decode())


def publishes(site, leaf=None):
    """Whether a client with that certificate gets a message acknowledged."""
    command = ["mosquitto_pub", "-h", HOST, "-p", str(PORT), "-q", "1", "-t", "t", "-m", "x"]
    command += ["--cafile", str(site.tenant.folder / "tenant-ca.pem")]
    if leaf is not None:
        command += ["--cert", str(leaf.path), "--key", str(leaf.key_path)]
    return subprocess.run(command, capture_output=True, timeout=5, check=False).returncode == 0


def test_only_the_tenants_own_unrevoked_clients_get_in(site, leaf, broker, tmp_path):
    device, sensor = (leaf(site.tenant, ca.client(UUID), kind) for kind in ("ed25519", "p256"))
    stranger = leaf(site.other, ca.client(UUID))
    platform = leaf(site.platform, ca.service("billing"))
    server = leaf(site.tenant, ca.server((), (HOST,)))
    before = [publishes(site, each) for each in (device, sensor, stranger, platform, server, None)]

    site.tenant.mark_revoked(ca.serial_text(device.certificate), "superseded")
    site.tenant.write_crl(tmp_path / "crl.pem")
    broker.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    after = [publishes(site, each) for each in (device, sensor)]

    assert before == [True, True, False, False, False, False]
    assert after == [False, True]
