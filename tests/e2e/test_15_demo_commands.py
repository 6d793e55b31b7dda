"""What people do with a demo site: look at it, follow it, break it, open it, stop and start it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from select import select

import pytest

from .demo_site import ROOT, wait_for
from .test_10_demo import snapshot

BROWSER = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--virtual-time-budget=20000",  # the page is dumped after the redirect from the local file
    "--dump-dom",
)


def demo(site, *arguments, timeout=240):
    """Run a command of the demo, without `run`'s look at the machine; stderr apart."""
    return subprocess.run(
        [str(ROOT / ".venv/bin/python"), "-m", "tools.demo", *arguments],
        cwd=ROOT,
        env=site.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def is_well(site) -> bool:
    return demo(site, "status").returncode == 0


def test_the_status_of_a_site_that_is_well(site, devices):
    wait_for(lambda: is_well(site))
    before = snapshot(site)
    shown = demo(site, "status", "--json")
    found = json.loads(shown.stdout)
    assert (shown.returncode, found["well"], found["troubles"]) == (0, True, [])
    assert len(found["programs"]) >= 4 + 2 * 6 + 3
    assert {program["state"] for program in found["programs"]} == {"RUNNING"}
    assert {service["name"] for service in found["services"]} == {
        "billing", "registry", "acme's API", "acme's dashboard",
        "globex's API", "globex's dashboard",
    }  # fmt: skip
    assert [device["name"] for device in found["devices"]] == [device.name for device in devices]
    for device in found["devices"]:
        assert (device["online"], device["applied"]) == (True, device["wanted"])
        assert {"web": "running", "sampler": "paused"}.items() <= device["services"].items()
    assert demo(site, "status").stdout.endswith("All is well.\n")
    assert snapshot(site) == before


def test_a_status_tells_what_is_wrong(site):
    program = f"{site.tenant('globex').short_id}-dashboard"
    site.supervisorctl("stop", program)
    try:
        shown = demo(site, "status")
        assert shown.returncode == 1
        assert f"{program} is STOPPED: ./run demo logs {program}" in shown.stdout
        assert "globex's dashboard: " in shown.stdout
    finally:
        site.supervisorctl("start", program)
    wait_for(lambda: is_well(site))


def test_logs_by_the_names_that_people_know(site):
    one = demo(site, "logs", "acme-gateway", "-n", "3")
    assert one.returncode == 0
    assert all(json.loads(line)["at"] for line in one.stdout.splitlines())
    assert len(one.stdout.splitlines()) == 3
    tenant = demo(site, "logs", "acme", "-n", "1")
    programs = {line.split()[0].partition("-")[2] for line in tenant.stdout.splitlines()}
    assert {"api", "broker", "postgres", "signer"} <= programs
    unknown = demo(site, "logs", "acme-gate")
    assert unknown.returncode == 2
    assert {"acme-gateway", "billing", "globex"} <= set(unknown.stderr.split())


def test_a_log_is_followed(site):
    python = str(ROOT / ".venv/bin/python")
    command = [python, "-m", "tools.demo", "logs", "-f", "-n", "0", "billing"]
    with subprocess.Popen(
        command, cwd=ROOT, env=site.environment, stdout=subprocess.PIPE, text=True
    ) as follower:
        try:
            tenant = site.tenant("acme")
            wait_for(
                lambda: (
                    site.service_token(tenant, "read") and select([follower.stdout], [], [], 1)[0]
                )
            )
            lines = iter(follower.stdout.readline, "")  # others ask billing, too
            assert any(f"{tenant.id}/service-tokens" in line for line in lines)
        finally:
            follower.terminate()


@pytest.mark.parametrize("fault", ["container", "agent", "broker", "database", "image"])
def test_each_fault_is_repaired_while_one_watches(site, fault):
    broken = demo(site, "break", fault)
    assert broken.returncode == 0, broken.stdout + broken.stderr
    lines = broken.stdout.splitlines()
    assert lines[1].startswith("Watch it: ./run demo logs -f ")
    steps = [line for line in lines if re.match(r"^ +\d+\.\d s  ", line)]
    assert steps[0].strip().startswith("0.0 s")
    assert len(steps) >= 3
    assert re.match(r"^Repaired after \d+\.\d s\.$", lines[-1])
    if fault == "image":
        assert "the device reports that it failed: pull" in broken.stdout
        assert "the old container goes on running" in broken.stdout
    wait_for(lambda: is_well(site))


def test_a_device_that_is_shut_out_is_let_in_again(site, devices):
    device = devices[1]
    web = site.docker("ps", "-q", "--filter", f"label=iotistic.device={device.uuid}")
    broken = demo(site, "break", "revoke", device.name, "--readmit")
    assert broken.returncode == 0, broken.stdout + broken.stderr
    assert "the broker has ended its connection" in broken.stdout
    assert "let in again through the API" in broken.stdout
    assert site.docker("ps", "-q", "--filter", f"label=iotistic.device={device.uuid}") == web
    wait_for(lambda: is_well(site))


def test_a_fault_of_nobody_is_told(site):
    broken = demo(site, "break", "broker", "initech")
    assert (broken.returncode, broken.stdout) == (2, "")
    assert broken.stderr == "demo: there is no tenant initech; there is: acme, globex\n"


# --- the browser -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["acme", "globex"])
def test_the_browser_trusts_the_site(site, name):
    for _ in range(5):  # Chromium gives up when a container's network comes or goes meanwhile
        opened = demo(site, "open", name, "--", *BROWSER)
        assert opened.returncode == 0, opened.stderr[-2000:]
        if "<main" in opened.stdout:
            break
    assert "ERR_CERT" not in opened.stdout + opened.stderr
    assert "<main" in opened.stdout
    folder = site.state / "browser"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_another_profile_does_not_trust_it(site, tmp_path):
    """The same program with a fresh home: only `open`'s own profile has the certificate."""
    url = f"https://{site.tenant('acme').address}:3000"
    opened = subprocess.run(
        ["chromium", f"--user-data-dir={tmp_path}/profile", *BROWSER, url],
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "ERR_CERT_AUTHORITY_INVALID" in opened.stdout + opened.stderr
    assert "<main" not in opened.stdout


def test_without_a_display_the_address_is_told(site):
    bare = {k: v for k, v in site.environment.items() if k not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    told = subprocess.run(
        [str(ROOT / ".venv/bin/python"), "-m", "tools.demo", "open", "billing"],
        cwd=ROOT, env=bare, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert told.returncode == 0
    assert f"{site.billing}/sign-up" in told.stdout
    assert str(site.state / "pki/root/ca.pem") in told.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's browser has no sandbox")
def test_root_must_say_that_it_wants_no_sandbox(site):
    told = demo(site, "open", "acme", "--", "--headless=new")
    assert told.returncode == 1
    assert "./run demo open acme -- --no-sandbox" in told.stdout


# --- stop and start --------------------------------------------------------------------------


def kept(files):
    """Return all but what a program writes whenever it starts."""
    own = ("ca/crl.pem", "ca/index.sqlite", "ca/index.sqlite-shm", "ca/index.sqlite-wal", ".pid")
    return {name: facts for name, facts in files.items() if not name.endswith(own)}


def test_a_stopped_site_keeps_what_it_has_and_starts_again(site, devices):
    wait_for(lambda: is_well(site))
    files, _, containers = snapshot(site)
    stopped = demo(site, "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert site.processes() == {}
    told = demo(site, "status")
    assert (told.returncode, "it is stopped: ./run demo start" in told.stdout) == (1, True)
    assert demo(site, "stop").returncode == 0
    assert demo(site, "break", "agent").returncode == 1
    shutil.rmtree(site.run_folder)  # as a restart of the machine does
    started = demo(site, "start")
    assert started.returncode == 0, started.stderr
    wait_for(lambda: is_well(site))
    wait_for(lambda: all(site.containers(one.uuid).get("sampler") == "paused" for one in devices))
    again, _, same = snapshot(site)
    assert kept(again) == kept(files)
    assert same == containers
    assert demo(site, "start").returncode == 0
