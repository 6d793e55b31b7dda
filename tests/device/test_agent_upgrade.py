"""Signed orders make a really installed agent another release, or leave it as it is."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge.agent.tests.tenant import Tenant, make_authority, make_keys
from edge.agent.tests.tenant import serve as serve_api
from iotistic_contract.codec import b64u_encode
from iotistic_contract.orders import OrderKind
from iotistic_pki.keys import new_key
from iotistic_pki.orders import sign_order, verify_order
from tests.device.installing import Target, built_bundles, released
from tests.device.upgrading import RELEASE_TIME, Upgraded, rebuilt, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iotistic_pki.ca import Authority
    from iotistic_pki.provisioning import ProvisioningKeys

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
DIES = "def main():\n    return 3\n"
HANGS = "import time\n\n\ndef main():\n    time.sleep(600)\n"
MUTE = """
def main():
    import asyncio

    from iotistic_agent.adapters.cloud import Cloud
    from iotistic_agent.logs import configure
    from iotistic_agent.runtime import run
    from iotistic_agent.settings import from_environment

    def mute(*_):
        raise OSError("this release can't speak")

    Cloud._once = mute
    asyncio.run(run(from_environment(), configure("info")))
"""
INSTALLING = (
    "os.mkdir:.download#1",
    "os.mkdir:wheels#1",
    "subprocess.Popen:python3.11#1",
    "subprocess.Popen:python#1",
    "os.rename:complete#1",
)
TRYING = (
    "os.rename:.trial#1",
    "os.symlink:.new.new#1",
    "os.rename:new#1",
    "os.exec:iotistic-agent#1",
    "os.rename:.trial#2",
    "subprocess.Popen:iotistic-agent#1",
    "os.symlink:.previous.new#1",
    "os.rename:previous#1",
    "os.symlink:.current.new#1",
    "os.rename:current#1",
    "os.remove:new#1",
    "os.exec:iotistic-agent#2",
)


@pytest.fixture(scope="module")
def bundles() -> Path:
    return built_bundles()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with make_authority(tmp_path_factory.mktemp("pki")) as made:
        yield made


@pytest.fixture(scope="module")
def wrapping_keys() -> ProvisioningKeys:
    return make_keys()


@pytest.fixture
def device(
    authority: Authority, wrapping_keys: ProvisioningKeys, bundles: Path, tmp_path: Path
) -> Iterator[Upgraded]:
    """An agent of release 1.0, as it runs; releases are signed by the key in ``tmp_path``."""
    tenant = Tenant(authority, wrapping_keys, b64u_encode(b"s" * 32), poll_interval_ms=200)
    server = serve_api(tenant, tmp_path)
    first = released(tmp_path, rebuilt(bundles, tmp_path / "first", "1.0"), RELEASE_TIME)
    made = Upgraded(Target(tmp_path, first), tenant)
    made.install()
    made.start()
    tenant.wait_for(lambda: bool(tenant.sections))
    yield made
    made.kill()
    server.shutdown()
    server.server_close()


def offer(device: Upgraded, bundles: Path, version: str, main: str | None = None) -> None:
    """Serve a later release."""
    folder = device.target.folder
    built = rebuilt(bundles, folder / f"built-{version}", version, main)
    serve(device.tenant, folder, built, timedelta(days=len(list(folder.glob("built-*")))))


def test_an_order_makes_the_agent_another_release(device: Upgraded, bundles: Path) -> None:
    """And the process stays the same for whoever started it; back goes only what is said so."""
    pid, first = device.process.pid, device.links()  # type: ignore[union-attr]
    assert first == {"current": "1.0", "previous": None, "new": None}
    offer(device, bundles, "1.1")
    token = device.order()
    device.ordered(token)
    assert device.ends() == ("succeeded", None), device.tail()
    assert device.links() == {"current": "1.1", "previous": "1.0", "new": None}
    assert device.process.poll() is None  # type: ignore[union-attr]
    assert f"{device.target.prefix}/1.1/bin/python" in Path(f"/proc/{pid}/cmdline").read_text()
    assert device.target.is_whole()

    device.ordered(token)  # handed out again: it was done, and is told of again
    assert device.ends() == ("succeeded", None), device.tail()

    old = rebuilt(bundles, device.target.folder / "old", "1.0")
    serve(device.tenant, device.target.folder, old, timedelta(days=3))
    device.ordered(device.order())
    status, why = device.ends()
    assert (status, why) == ("rejected", "downgrade: 1.0 is older than 1.1")
    device.ordered(device.order(allow_downgrade=True))
    assert device.ends() == ("succeeded", None), device.tail()
    assert device.links() == {"current": "1.0", "previous": "1.1", "new": None}
    assert device.stop() == 0


@pytest.mark.parametrize(
    ("main", "why"), [(DIES, "it ended with 3"), (HANGS, "doesn't answer"), (MUTE, "cloud")]
)
def test_a_release_that_doesn_t_work_is_tried_three_times_and_left(
    device: Upgraded, bundles: Path, main: str, why: str
) -> None:
    offer(device, bundles, "1.1", main)
    device.ordered(device.order())
    status, output = device.ends(90)
    assert status == "failed"
    assert output is not None
    assert output.startswith("1.1 was started 3 times: ")
    assert why in output
    assert device.links() == {"current": "1.0", "previous": None, "new": None}
    device.wait(lambda: not (device.target.prefix / "1.1").exists())

    offer(device, bundles, "1.2")
    device.ordered(device.order())
    assert device.ends() == ("succeeded", None), device.tail()
    assert device.links() == {"current": "1.2", "previous": "1.0", "new": None}


def test_what_isn_t_ours_to_do_is_refused_and_said(device: Upgraded, bundles: Path) -> None:
    offer(device, bundles, "1.1")
    now = datetime.now(UTC).replace(microsecond=0)
    day = timedelta(days=1)
    changes: dict[str, dict[str, Any]] = {
        "other_customer": {"aud": "cust_" + "0" * 32},
        "other_device": {"uuid": "7f5cdf5a-3a5e-4c5b-9f0e-0c5d5b1f2a3b"},
        "other_registration": {"registration": "r99"},
        "expired": {"not_before": now - 3 * day, "expires": now - day},
        "early": {"not_before": now + day, "expires": now + 2 * day},
        "unsupported": {"kind": OrderKind.JOB},
    }
    refused = {}
    for word, change in changes.items():
        device.ordered(device.order(**change))
        status, output = device.ends()
        refused[word] = (status, str(output).partition(":")[0])
    assert refused == {word: ("rejected", word) for word in changes}

    good = device.order()
    order = verify_order(good, _held(device))
    device.ordered(sign_order(order, new_key("ed25519")))  # type: ignore[arg-type]
    assert device.ends()[1].startswith("forged: ")  # type: ignore[union-attr]
    head, _, signature = good.split(".")
    device.ordered(".".join((head, device.order().split(".")[1], signature)))
    assert device.ends()[1].startswith("forged: ")  # type: ignore[union-attr]
    assert device.links() == {"current": "1.0", "previous": None, "new": None}

    older = device.order()
    device.ordered(device.order(sha256="ab" * 32))
    assert device.ends() == (
        "failed",
        "the tenant serves another release than the one that was ordered",
    )
    device.ordered(older)
    assert device.ends()[1].startswith("overtaken: ")  # type: ignore[union-attr]
    assert device.links() == {"current": "1.0", "previous": None, "new": None}


def test_a_release_that_the_vendor_didn_t_sign_is_refused(device: Upgraded, bundles: Path) -> None:
    """Whoever has the tenant's order key has no agent yet; nor who changes a file on the way."""
    folder = device.target.folder
    built = rebuilt(bundles, folder / "built", "1.1")
    serve(device.tenant, folder / "theirs", built, timedelta(days=1))
    device.ordered(device.order())
    status, output = device.ends()
    assert status == "failed"
    assert "isn't signed by the release key" in str(output)

    serve(device.tenant, folder, built, timedelta(days=1))
    bundle = next((folder / "release").glob("*.tar"))
    content = bytearray(bundle.read_bytes())
    content[len(content) // 2] ^= 1
    bundle.write_bytes(content)
    device.ordered(device.order())
    assert device.ends() == ("failed", f"{bundle.name} isn't what the manifest says")
    assert device.links() == {"current": "1.0", "previous": None, "new": None}
    assert not (device.target.prefix / "1.1").exists()


def test_power_cuts_while_it_installs(device: Upgraded, bundles: Path) -> None:
    offer(device, bundles, "1.1")
    token = device.order()
    device.stop()
    device.ordered(token)
    for cut in INSTALLING:
        device.cut(cut)
        assert device.links()["current"] == "1.0"
    device.start()
    assert device.ends() == ("succeeded", None), device.tail()
    assert device.links() == {"current": "1.1", "previous": "1.0", "new": None}
    assert device.target.is_whole()
    assert not (device.target.prefix / ".download").exists()


def test_power_cuts_at_each_step_of_a_trial(device: Upgraded, bundles: Path) -> None:
    """The release stays installed from one cut to the next, the links go back."""
    offer(device, bundles, "1.1")
    rows = []
    for cut in ("", *TRYING):
        token = device.order()
        device.ordered(token)
        if cut:
            device.cut(cut)
            left = device.links()
            assert left["current"] in {"1.0", "1.1"}
            device.start()
        assert device.ends() == ("succeeded", None), cut
        assert device.links() == {"current": "1.1", "previous": "1.0", "new": None}, cut
        rows.append(f"{cut or 'no cut'}: the new release, reported")
        device.stop()
        for name in ("current", "previous"):
            (device.target.prefix / name).unlink()
        (device.target.prefix / ".trial").unlink()
        (device.target.prefix / "current").symlink_to("1.0")
    print("\n".join(rows))
    shutil.rmtree(device.target.prefix / "1.1")


def test_a_service_that_can_write_its_own_folders_alone(device: Upgraded, bundles: Path) -> None:
    """As the unit has it: /tmp can only be read, what install.sh names can be written."""
    device.stop()
    offer(device, bundles, "1.1")
    device.ordered(device.order())
    steps = [
        *(f"mount --bind {path} {path}" for path in ("/tmp", "/var/tmp")),  # noqa: S108
        *(f"mount --bind {path} {path}" for path in (device.target.prefix, device.target.state)),
        *(f"mount -o remount,bind,ro {path}" for path in ("/tmp", "/var/tmp")),  # noqa: S108
        'exec "$0"',
    ]
    device.start("unshare", "--mount", "sh", "-ec", "\n".join(steps))
    assert device.ends() == ("succeeded", None), device.tail()
    assert device.links() == {"current": "1.1", "previous": "1.0", "new": None}


def test_whoever_ends_the_agent_ends_the_release_on_trial(device: Upgraded, bundles: Path) -> None:
    """A start that was ended on purpose isn't counted. A person's install takes its place."""
    offer(device, bundles, "1.1", HANGS)
    device.ordered(device.order())
    device.wait(lambda: device.on_trial("1.1"))
    (child,) = device.children()
    device.kill()
    device.wait(lambda: not Path(f"/proc/{child}").exists() or not device.shown(child))

    for _ in range(4):
        device.start()
        device.wait(lambda: device.on_trial("1.1"))
        (child,) = device.children()
        assert device.stop() == 0
        assert not Path(f"/proc/{child}").exists()
    assert device.links() == {"current": "1.0", "previous": None, "new": "1.1"}

    device.target.install("--downgrade", string="")
    assert device.links()["new"] is None
    assert device.links()["current"] == "1.1"


def _held(device: Upgraded) -> Any:
    from iotistic_pki.orders import OrderKeys, order_jwk  # noqa: PLC0415

    return OrderKeys(keys=(order_jwk(device.tenant.order_key),))
