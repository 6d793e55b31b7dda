"""``iotctl provision``: a device that has no string gets one by hand."""

import pytest

from edge.agent.tests.device import app, applied
from edge.agent.tests.program import iotctl, told, wait_for_socket

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def test_a_device_without_a_string_waits_for_one(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}), 1)
    device.key_file.unlink()
    device.start()
    wait_for_socket(device)
    waiting = iotctl(device, "provision", "status")
    assert waiting.returncode == 6
    assert "waiting for key" in waiting.stdout
    wrong = str(tenant.string(secret="c" * 43))
    refused = iotctl(device, "provision", stdin=wrong)
    assert refused.returncode == 6
    assert "invalid_provisioning_key" in refused.stdout
    assert iotctl(device, "provision", stdin="iotp1.nonsense").returncode == 1
    assert iotctl(device, "provision", stdin="\n").returncode == 2
    string = str(tenant.string())
    other = iotctl(device, "provision", "--api", "https://other.example", stdin=string)
    assert other.returncode == 1
    assert tenant.origin in other.stderr
    file = device.folder / "key"
    file.write_text(f"{string}\n")
    done = iotctl(device, "provision", "--key-file", str(file), "--name", "pump 7", "--type", "pi4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert tenant.registered[-1].device_name == "pump 7"
    assert tenant.registered[-1].device_type == "pi4"
    assert told(device, "status")["name"] == "pump 7"
    tenant.wait_for(lambda: applied(tenant, 1))
    again = iotctl(device, "provision", string)
    assert again.returncode == 1
    assert "can read the arguments" in again.stderr
    assert "the device is registered" in again.stderr
    assert iotctl(device, "provision", "status").returncode == 0
    everything = "".join(each.stdout + each.stderr for each in (refused, other, done, again))
    assert tenant.secret not in everything
    assert tenant.secret not in (device.folder / "log").read_text()
    for kept in (device.folder / "state").iterdir():
        assert kept.stat().st_mode & 0o077 == 0, kept


def test_a_string_given_by_hand_outlives_the_agent(device, tenant):
    tenant.set_apps({}, 1)
    tenant.force("/ca.pem", 503, "unavailable", Retry_After="600")
    device.key_file.unlink()
    device.start()
    wait_for_socket(device)
    first = iotctl(device, "provision", "--wait", "0.5", stdin=str(tenant.string()))
    assert first.returncode == 6
    assert "retrying" in first.stdout
    device.kill()
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
