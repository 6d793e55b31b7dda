"""What the device's policy keeps away from containers, on a real engine."""

import json
from pathlib import Path

import pytest

from edge.agent.tests.device import app, applied

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def test_the_policy_denies_by_default_and_the_rest_applies(device, tenant, busybox):
    tenant.set_apps(app(busybox, good={}, bad={"config": {"privileged": True}}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    bad = tenant.sections["apps"]["app"]["services"]["id-bad"]
    assert bad["state"] == "refused"
    assert bad["error"]["type"] == "policy"
    device.settles(good="running")


def test_what_leads_to_engine_or_agent_is_never_mounted(device, tenant, busybox):
    """Whatever the policy names."""
    good, link = device.folder / "good", device.folder / "link"
    good.mkdir()
    link.symlink_to(good)
    engine = device.host.socket
    protected = {
        "socket": engine,
        "around": engine.parent,
        "run": Path("/var/run"),
        "root": Path("/"),
        "state": device.folder / "state",
        "keys": device.folder / "state/keys",
        "policy": device.policy,
        "api": device.folder / "api",
    }
    protected["api"].mkdir()
    named = {"good": good, "link": link, **protected}
    device.policy.write_text(json.dumps({"bindMounts": [str(each) for each in named.values()]}))
    tenant.set_apps(bound(busybox, named), 1)
    device.start(LOCAL_API_SOCKET=str(protected["api"] / "agent.sock"))
    tenant.wait_for(lambda: applied(tenant, 1))
    said = refused(tenant)
    assert said.keys() == named.keys(), "good is below a folder that the policy names too"
    leading = {name for name, words in said.items() if "leads to" in words or "socket" in words}
    assert leading == protected.keys()

    device.policy.write_text(json.dumps({"bindMounts": [str(good), str(link)]}))
    tenant.set_apps(bound(busybox, named), 2)
    tenant.wait_for(lambda: applied(tenant, 2))
    assert "symbolic link" in refused(tenant)["link"]
    device.settles(good="running")

    link.unlink()
    link.mkdir()
    tenant.set_apps(bound(busybox, named), 3)
    tenant.wait_for(lambda: applied(tenant, 3))
    assert refused(tenant).keys() == protected.keys()
    device.settles(good="running", link="running")


@pytest.mark.parametrize("below", ["", "volumes"])
def test_the_engines_own_data_is_never_mounted(device, tenant, busybox, below):
    """Wherever its API says that it is, though the policy names that very folder."""
    root = Path(device.host.docker("info", "--format", "{{.DockerRootDir}}"))
    good = device.folder / "good"
    good.mkdir()
    named = {"good": good, "data": root / below}
    device.policy.write_text(json.dumps({"bindMounts": [str(each) for each in named.values()]}))
    tenant.set_apps(bound(busybox, named), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    assert refused(tenant)["data"].endswith(f"bind mount of {root / below}, which leads to {root}")
    device.settles(good="running")


def bound(image: str, folders: dict[str, Path]) -> dict:
    """One service for each folder, which mounts it."""
    return app(image, **{n: {"config": {"volumes": [f"{f}:/x"]}} for n, f in folders.items()})


def refused(tenant) -> dict[str, str]:
    """What was said of each service that was refused."""
    services = tenant.sections["apps"]["app"]["services"].items()
    return {
        name.removeprefix("id-"): each["error"]["message"]
        for name, each in services
        if each["state"] == "refused"
    }
