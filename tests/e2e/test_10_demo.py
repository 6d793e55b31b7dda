"""From nothing to a running site, and a second run that changes nothing."""

from __future__ import annotations

import re
import stat
import urllib.error
import urllib.request

import pytest
from cryptography import x509

from iotistic_pki.keys import spki_sha256

from .demo_site import recap


def unchanged(output: str) -> bool:
    hosts = recap(output)
    return bool(hosts) and all(
        found["changed"] == found["failed"] == found["unreachable"] == 0 for found in hosts.values()
    )


def snapshot(site):
    """Return what a run could change: files' times and contents, processes, containers."""
    ignored = {"log", "docker", "postgres", "registry", "data", "opt", "dashboard", "browser"}
    files = {
        str(path.relative_to(site.state)): (path.stat().st_mtime_ns, path.stat().st_mode)
        for path in site.state.rglob("*")
        if path.is_file() and not ignored & set(path.relative_to(site.state).parts)
    }
    return files, set(site.processes()), site.docker("ps", "-aq", "--no-trunc")


def test_a_site_is_made_from_nothing(site, devices):
    made = site.run()
    assert made.returncode == 0, made.stdout[-6000:]
    assert all(found["failed"] == 0 for found in recap(made.stdout).values())
    for device in devices:
        assert site.containers(device.uuid) == {
            "web": "running",
            "sampler": "paused",
            "report": "exited",
        } or site.containers(device.uuid) == {
            "web": "running",
            "sampler": "paused",
            "report": "created",
        }
    for word in ("billing", "tenant acme", "tenant globex", "device acme-gateway", "Try"):
        assert word in made.stdout
    for secret in (site.state / "secrets").iterdir():
        assert secret.read_text() not in made.stdout


def test_a_second_run_changes_nothing(site):
    second = site.run()
    assert second.returncode == 0, second.stdout[-6000:]
    assert unchanged(second.stdout), second.stdout[-6000:]


def test_check_mode_says_the_same_and_changes_nothing(site):
    before = snapshot(site)
    checked = site.run("--check", "--diff")
    assert checked.returncode == 0, checked.stdout[-6000:]
    assert unchanged(checked.stdout), checked.stdout[-6000:]
    assert snapshot(site) == before


def test_images_are_named_by_what_is_in_them(site, devices):
    """The target states pin the demo's image by digest, and the registry forgets none."""
    for device in devices:
        containers = site.docker(
            "ps", "-aq", "--filter", f"label=iotistic.device={device.uuid}"
        ).split()  # fmt: skip
        images = site.docker("inspect", "--format", "{{.Image}}", *containers).split()
        assert len(images) == 3
        assert len(set(images)) == 1
        both = '{{join .RepoTags " "}} {{join .RepoDigests " "}}'
        names = site.docker("inspect", "--format", both, images[0]).split()
        ours = re.escape(f"{site.prefix}.4:5000/demo/busybox")
        pinned = ours + "(?:@sha256:|:sha256-)([0-9a-f]{64})"
        found = [match[1] for name in names if (match := re.fullmatch(pinned, name))]
        assert found, names
        digest = found[0]
    registry = f"http://{site.prefix}.4:5000/v2/demo/busybox/manifests"
    request = urllib.request.Request(  # noqa: S310 - our own registry, on loopback
        f"{registry}/sha256:{digest}", method="DELETE"
    )
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(request, timeout=10)  # noqa: S310


def test_billing_knows_each_tenants_authority_by_its_pin(site):
    for name in ("acme", "globex"):
        tenant = site.tenant(name)
        pem = (site.state / "tenants" / tenant.short_id / "ca/tenant-ca.pem").read_bytes()
        key = x509.load_pem_x509_certificate(pem).public_key()
        told = site.admin("GET", f"/api/customers/{tenant.id}").body
        assert told["deployment"]["ca_pin"] == spki_sha256(key)


def test_no_secret_lies_open(site):
    """No secret is in an argument list, in a log, or in a file that others can read."""
    files = [
        path
        for folder in (site.state / "secrets", *site.state.glob("tenants/*/secrets"))
        for path in folder.iterdir()
        if path.is_file() and "public" not in path.name and path.name != "data-key"
    ]
    secrets = {path.read_text().strip() for path in files}
    assert len(secrets) >= 8
    commands = "\n".join(site.processes().values())
    logs = "\n".join(path.read_text(errors="replace") for path in site.state.glob("log/*.log*"))
    for secret in secrets:
        assert secret not in commands
        assert secret not in logs
    for path in site.state.rglob("*"):
        if re.search(r"\.key$|key\.pem$|/secrets/|provisioning-key|\.env$", str(path)):
            assert not path.stat().st_mode & (stat.S_IRWXO | stat.S_IRWXG) or path.is_dir(), path


def test_every_process_is_the_sites(site):
    """Each program runs under the guard, with the site's id, and nothing else carries it."""
    programs = re.findall(r"^(\S+)\s+RUNNING", site.supervisorctl("status"), re.MULTILINE)
    assert len(programs) >= 4 + 2 * 6 + 3
