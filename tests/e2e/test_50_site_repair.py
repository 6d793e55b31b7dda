"""What breaks between two runs is found and repaired by the next one."""

from __future__ import annotations

import os
import signal

from .demo_site import recap, wait_for
from .test_10_demo import unchanged


def jobs(site) -> int:
    return len(site.admin("GET", "/api/admin/jobs?limit=200").body["items"])


def test_a_run_with_nothing_to_do_queues_nothing(site):
    before = jobs(site)
    assert unchanged(site.run().stdout)
    assert jobs(site) == before


def test_a_killed_supervisor(site):
    os.kill(int((site.run_folder / "supervisord.pid").read_text()), signal.SIGKILL)
    wait_for(lambda: not site.processes("IOTISTIC_SUPERVISED"), timeout=40)
    repaired = site.run()
    assert repaired.returncode == 0, repaired.stdout[-6000:]
    assert recap(repaired.stdout)["hub"]["changed"] >= 1
    assert unchanged(site.run().stdout)


def test_a_lost_configuration_file_of_a_tenant(site):
    tenant = site.tenant("globex")
    lost = site.state / "tenants" / tenant.short_id / "mosquitto/mosquitto.conf"
    text = lost.read_text()
    lost.unlink()
    before = jobs(site)
    wait_for(lambda: site.call("GET", f"{tenant.url}/health/ready").status == 503)
    repaired = site.run()
    assert repaired.returncode == 0, repaired.stdout[-6000:]
    assert recap(repaired.stdout)["globex"]["changed"] == 1
    assert recap(repaired.stdout)["acme"]["changed"] == 0
    assert lost.read_text() == text
    assert jobs(site) == before + 1
    assert unchanged(site.run().stdout)
