"""What is wrong is refused with one clear message, an exit code, and nothing half made."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from .conftest import folder_for, make
from .demo_site import ROOT, DemoSite, recap, wait_for
from .test_10_demo import snapshot, unchanged


def play(site, inventory, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the site's playbook on another inventory."""
    return subprocess.run(
        [
            str(ROOT / ".venv/bin/ansible-playbook"),
            "-i",
            str(inventory),
            str(ROOT / "playbooks/site.yml"),
            *arguments,
        ],
        cwd=ROOT,
        env=site.environment | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def changed_inventory(tmp_path, edit):
    """Return a copy of the demo's inventory after ``edit(hosts, devices)``."""
    copy = tmp_path / "inventory"
    shutil.copytree(ROOT / "inventories/demo", copy)
    files = [copy / "hosts.yml", copy / "group_vars/devices.yml"]
    documents = [yaml.safe_load(path.read_text()) for path in files]
    edit(documents[0]["all"]["children"], documents[1])
    for path, document in zip(files, documents, strict=True):
        path.write_text(yaml.safe_dump(document))
    return copy


def unknown_plan(hosts, _devices):
    hosts["tenants"]["hosts"]["acme"]["plan"] = "gold"


def duplicate_uuid(hosts, _devices):
    devices = hosts["devices"]["hosts"]
    devices["acme-press"]["device_uuid"] = devices["acme-gateway"]["device_uuid"]


def impossible_port(_hosts, devices):
    devices["target_state"]["apps"]["1001"]["services"][0]["config"]["ports"] = ["8080:80808"]


def unknown_key(_hosts, devices):
    devices["target_state"]["apps"]["1001"]["services"][0]["config"]["enviroment"] = {}


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (unknown_plan, ["acme", "hosts.yml", "plan", "gold", "professional"]),
        (duplicate_uuid, ["acme-press", "hosts.yml", "device_uuid", "acme-gateway"]),
        (impossible_port, ["acme-gateway", "devices.yml", "services/0/config/ports/0", "80808"]),
        (unknown_key, ["globex-barn", "devices.yml", "services/0/config/enviroment"]),
    ],
)
def test_a_bad_inventory_changes_nothing(site, tmp_path, edit, words):
    before = snapshot(site)
    refused = play(site, changed_inventory(tmp_path, edit))
    output = refused.stdout + refused.stderr
    assert refused.returncode != 0
    for word in words:
        assert word in output, output[-3000:]
    assert "Traceback" not in output
    assert snapshot(site) == before


def test_a_taken_address(tmp_path):
    """Somebody else listens where the registry is to: who, and what to do, in one message."""
    site = make("taken", "127.80.0.0/24")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.80.0.4", 5000))
        other.listen()
        try:
            refused = site.run()
            assert refused.returncode != 0
            assert re.search(r"127\.80\.0\.4:5000.*held by .*pid \d+", refused.stdout, re.DOTALL)
            assert "IOTISTIC_NET" in refused.stdout
            assert "Traceback" not in refused.stdout
        finally:
            site.run("destroy")
    assert not site.state.exists()


def no_trap(_folder):
    """Leave the name of the folder of sockets free."""


def open_to_others(folder):
    folder.mkdir()
    folder.chmod(0o755)


def a_link(folder):
    folder.symlink_to("/var/tmp")  # noqa: S108


def another_users(folder):
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize(
    ("trap", "engine", "message"),
    [
        (no_trap, "none", "No Docker Engine answers you"),
        (open_to_others, "some", "isn't a folder that only you can enter"),
        (a_link, "some", "isn't a folder that only you can enter"),
        (another_users, "some", "isn't a folder that only you can enter"),
    ],
)
def test_who_isn_t_root_is_told_before_anything_is_made(trap, engine, message):
    """No engine to ask; and whoever would put sockets where others are."""
    site = DemoSite(folder_for("user"), "127.80.0.0/24")
    sockets = Path(f"/tmp/iotistic-0-{site.id}")  # noqa: S108
    told = {"site_root": False, "docker_engine_machine_socket": "/nowhere"}
    told |= {"docker_engine_socket": "/nowhere"} if engine == "some" else {}
    trap(sockets)
    try:
        refused = play(site, ROOT / "inventories/demo", "-e", json.dumps(told), XDG_RUNTIME_DIR="")
        output = refused.stdout + refused.stderr
        assert refused.returncode != 0
        assert message in " ".join(output.split()), output[-3000:]
        assert recap(output)["hub"]["changed"] == 0
        assert not site.state.exists()
    finally:
        if sockets.is_symlink():
            sockets.unlink()
        elif sockets.exists():
            sockets.rmdir()


def test_a_database_that_is_down(site):
    """The billing database is stopped: the run brings it back; billing says 503 till then."""
    site.supervisorctl("stop", "postgres")
    answer = site.call("GET", f"{site.billing}/health/ready")
    assert answer.status == 503
    assert "database" in str(answer.body)
    answer = site.admin("GET", "/api/customers")
    assert answer.status == 503, answer
    repaired = site.run()
    assert repaired.returncode == 0, repaired.stdout[-4000:]
    assert unchanged(site.run().stdout)


def test_billing_that_does_not_answer(site):
    """A module that can't reach billing says so, and what to look at."""
    options = (
        "external_id=acme company_name=Acme plan=professional",
        f"billing_url={site.billing}",
        f"billing_token_file={site.state}/secrets/billing-admin-token",
        f"ca_file={site.state}/pki/root/ca.pem",
    )
    site.supervisorctl("stop", "billing")
    try:
        done = subprocess.run(
            [
                str(ROOT / ".venv/bin/ansible"),
                "-i",
                "localhost,",
                "-c",
                "local",
                "-e",
                f"ansible_python_interpreter={ROOT}/.venv/bin/python",
                "localhost",
                "-m",
                "iotistic.platform.customer",
                "-a",
                " ".join(options),
            ],
            cwd=ROOT,
            env=site.environment | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
            capture_output=True,
            text=True,
            check=False,
        )
        output = done.stdout + done.stderr
        assert done.returncode != 0
        assert site.billing in output
        assert "Traceback" not in output
    finally:
        site.supervisorctl("start", "billing")
        wait_for(lambda: site.supervisorctl("status", "billing").split()[1] == "RUNNING")


def test_no_registry_reachable(site, devices):
    """An image that can't be pulled leaves the old container running, and the report says why."""
    device = devices[2]
    tenant = site.tenant(device.tenant)
    token = site.service_token(tenant, "read devices target-states")
    url = f"{tenant.url}/api/v1/devices/{device.uuid}/target-state"
    view = site.call("GET", url, token=token)
    site.supervisorctl("stop", "registry")
    try:
        spec = view.body["spec"]
        wanted = {
            "apps": {
                **spec["apps"],
                "1001": {
                    **spec["apps"]["1001"],
                    "services": [
                        {**service, "imageName": f"{site.prefix}.4:5000/demo/busybox:none"}
                        if service["serviceId"] == "1"
                        else service
                        for service in spec["apps"]["1001"]["services"]
                    ],
                },
            },
            "config": spec.get("config"),
        }
        put = site.call("PUT", url, wanted, token=token, headers={"If-Match": view.headers["etag"]})
        assert put.status == 200, put
        state = f"{tenant.url}/api/v1/devices/{device.uuid}/current-state"

        def failure():
            report = site.call("GET", state, token=token).body["report"]
            return report["apps"]["1001"]["services"]["1"].get("error")

        error = wait_for(failure, timeout=45)
        assert error["type"] == "pull"
        assert site.containers(device.uuid)["web"] == "running"
    finally:
        site.supervisorctl("start", "registry")
    restored = site.run()
    assert restored.returncode == 0, restored.stdout[-4000:]
    assert unchanged(site.run().stdout)


def test_a_killed_tenant_database_comes_back(site):
    """The supervisor starts what dies; the tenant is ready again without a run."""
    tenant = site.tenant("acme")
    os.kill(site.pid(f"{tenant.short_id}-postgres"), signal.SIGKILL)
    wait_for(
        lambda: site.call("GET", f"{tenant.url}/health/ready").status == 200, timeout=60, step=0.5
    )


def test_a_folder_that_is_somebody_elses(tmp_path):
    """A folder with something in it doesn't become a site, and a destroy doesn't touch it."""
    site = DemoSite(tmp_path / "precious", "127.82.0.0/24")
    site.state.mkdir(mode=0o750)
    (site.state / "thesis.txt").write_text("years of work")
    refused = site.run()
    assert refused.returncode != 0
    assert "isn't a site" in refused.stdout
    assert site.run("destroy").returncode != 0
    assert [path.name for path in site.state.iterdir()] == ["thesis.txt"]
    assert site.state.stat().st_mode & 0o777 == 0o750
