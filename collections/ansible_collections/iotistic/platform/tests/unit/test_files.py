# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stories of the modules that work on files: authorities, certificates, keys, fences."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from platform_server import CUSTOMER_ID

from iotistic_pki import ca

ADDRESS = "127.77.8.16"
UUID = "5f0c1f7e-8a54-4d0b-9d3c-0a6d2f1b7c11"


def tree(folder):
    """Return every file below a folder with its content."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with root, platform and tenant authority."""
    folder = tmp_path_factory.mktemp("made")
    tenant = ca.Tenant(customer_id=CUSTOMER_ID, base_domain="example.test", addresses=(ADDRESS,))
    with (
        ca.create_root(folder / "root", "Test") as root,
        ca.create_platform(folder / "platform", root, "Test") as platform,
    ):
        ca.create_tenant(folder / "tenant", platform, tenant).close()
    return folder


@pytest.fixture
def authorities(made, tmp_path):
    """The options of a tenant's authority; it and those above it are there."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return {
        "kind": "tenant",
        "path": str(tmp_path / "tenant"),
        "issuer": str(tmp_path / "platform"),
        "customer_id": CUSTOMER_ID,
        "base_domain": "example.test",
        "addresses": [ADDRESS],
    }


def test_an_authority_is_made_once(run, tmp_path):
    root = {"kind": "root", "name": "Test", "path": str(tmp_path / "root")}
    predicted = run("vpn_ca", check=True, **root)
    assert (predicted["changed"], tree(tmp_path)) == (True, {})
    made = run("vpn_ca", **root)
    assert made["diff"] == predicted["diff"]
    before = tree(tmp_path)
    again = run("vpn_ca", **root)
    assert (again["changed"], again["authority"]) == (False, made["authority"])
    assert tree(tmp_path) == before
    assert (tmp_path / "root/ca.key").stat().st_mode & 0o777 == 0o600


def test_a_tenant_has_two_forms_of_one_key(run, authorities):
    assert not run("vpn_ca", **authorities)["changed"]
    shutil.rmtree(authorities["path"])
    predicted = run("vpn_ca", check=True, **authorities)
    assert not Path(authorities["path"]).exists()
    told = run("vpn_ca", **authorities)
    assert (told["changed"], told["diff"]) == (True, predicted["diff"])
    assert told["authority"]["anchor"].endswith("tenant-ca.pem")


def test_a_root_with_a_passphrase(run, tmp_path):
    root = {"kind": "root", "name": "Test", "path": str(tmp_path / "root"), "passphrase": "sesame"}
    run("vpn_ca", **root)
    assert not run("vpn_ca", **root)["changed"]
    platform = {"kind": "platform", "name": "Test", "path": str(tmp_path / "p")}
    platform["issuer"] = root["path"]
    assert "sesame" not in run("vpn_ca", failing=True, issuer_passphrase="shut", **platform)["msg"]
    assert run("vpn_ca", issuer_passphrase="sesame", **platform)["changed"]


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"addresses": ["127.77.8.17"]}, "/addresses"),
        ({"base_domain": "other.test"}, "/base_domain"),
        ({"customer_id": f"cust_{'0' * 32}"}, "/customer_id"),
        ({"addresses": ["localhost"]}, "/addresses/0"),
        ({"customer_id": "acme"}, "/customer_id"),
    ],
)
def test_another_authority_is_refused_not_replaced(run, authorities, other, field):
    before = tree(Path(authorities["path"]))
    refused = run("vpn_ca", failing=True, **{**authorities, **other})
    assert refused["msg"].startswith(field)
    assert tree(Path(authorities["path"])) == before


@pytest.fixture
def server(authorities, tmp_path):
    return {
        "profile": "server",
        "authority": authorities["path"],
        "path": str(tmp_path / "tls"),
        "addresses": [ADDRESS],
    }


def leaf(options):
    return ca.certificates_from(Path(options["path"], "cert.pem").read_bytes())[0]


def test_a_certificate_is_issued_once(run, server, tmp_path):
    predicted = run("vpn_certificate", check=True, **server)
    assert (predicted["changed"], (tmp_path / "tls").exists()) == (True, False)
    made = run("vpn_certificate", **server)
    assert made["diff"] == predicted["diff"]
    before = tree(tmp_path / "tls")
    assert not run("vpn_certificate", **server)["changed"]
    assert tree(tmp_path / "tls") == before
    chain = ca.certificates_from((tmp_path / "tls/chain.pem").read_bytes())
    assert [each.issuer for each in chain[:2]] == [each.subject for each in chain[1:]]
    assert (tmp_path / "tls/key.pem").stat().st_mode & 0o777 == 0o600


def renamed(server, _folder):
    return {**server, "names": ["api.dc5fec42.example.test"]}


def revoked(server, _folder):
    with ca.load(Path(server["authority"])) as authority:
        authority.revoke(ca.serial_text(leaf(server)))
    return server


def chain_lost(server, folder):
    (folder / "chain.pem").unlink()
    return server


def key_lost(server, folder):
    (folder / "key.pem").unlink()
    return server


@pytest.mark.parametrize("happening", [renamed, revoked, chain_lost, key_lost])
def test_what_doesn_t_serve_any_more_is_issued_again(run, server, tmp_path, happening):
    run("vpn_certificate", **server)
    serial = leaf(server).serial_number
    wanted = happening(server, tmp_path / "tls")
    assert run("vpn_certificate", check=True, **wanted)["changed"]
    assert run("vpn_certificate", **wanted)["changed"]
    assert leaf(server).serial_number != serial
    assert not run("vpn_certificate", **wanted)["changed"]


def test_a_certificate_is_renewed_ahead_and_keeps_its_key(run, server, tmp_path):
    run("vpn_certificate", **server, days=30, renew_before_days=10)
    key = (tmp_path / "tls/key.pem").read_bytes()
    assert run("vpn_certificate", **server)["changed"]
    assert (tmp_path / "tls/key.pem").read_bytes() == key
    left = leaf(server).not_valid_after_utc - datetime.now(UTC)
    assert left > timedelta(days=395)


@pytest.mark.parametrize("name", [UUID, "tenant-api"])
def test_clients_are_devices_and_programs(run, server, tmp_path, name):
    client = {**server, "profile": "client", "addresses": [], "common_name": name}
    assert run("vpn_certificate", **client)["certificate"]["common_name"] == name
    assert not run("vpn_certificate", **client)["changed"]


@pytest.fixture
def signer(authorities):
    """The process that holds the tenant's key; yields its socket."""
    base = Path(tempfile.mkdtemp(prefix="io-"))  # short: a socket's path holds 107 bytes
    socket = base / "signer.sock"
    program = Path(sys.executable).parent / "iotistic-pki"
    command = [str(program), "sign", "--ca", authorities["path"], "--socket", str(socket)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert b"signer_ready" in process.stdout.readline()
        yield str(socket)
        process.terminate()
    shutil.rmtree(base)


@pytest.mark.parametrize(
    "kind",
    [
        {"profile": "server", "addresses": [ADDRESS]},
        {"profile": "client", "common_name": UUID},
        {"profile": "client", "common_name": "tenant-api"},
    ],
)
def test_a_signing_process_issues_without_giving_its_key(run, signer, tmp_path, kind):
    wanted = {"path": str(tmp_path / "tls"), "signer": signer, **kind}
    predicted = run("vpn_certificate", check=True, **wanted)
    made = run("vpn_certificate", **wanted)
    assert (made["changed"], made["diff"]) == (True, predicted["diff"])
    assert not run("vpn_certificate", **wanted)["changed"]


def test_a_signing_process_that_isn_t_there(run, tmp_path):
    wanted = {"profile": "client", "common_name": UUID, "signer": str(tmp_path / "nobody")}
    wanted["path"] = str(tmp_path / "tls")
    assert run("vpn_certificate", check=True, **wanted)["changed"]
    failed = run("vpn_certificate", failing=True, **wanted)
    assert "the signing process at" in failed["msg"]
    assert not (tmp_path / "tls/cert.pem").exists()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"addresses": ["127.77.8.99"]}, "127.77.8.99"),
        ({"addresses": ["api"]}, "/addresses/0"),
        ({"addresses": []}, "/names"),
        ({"days": 400}, "/days"),
        ({"authority": "/nowhere"}, "/nowhere"),
    ],
)
def test_a_certificate_that_can_t_be_is_refused(run, server, bad, said):
    assert said in run("vpn_certificate", failing=True, **{**server, **bad})["msg"]


def test_keys_to_sign_with_are_made_once_and_rotated_by_age(run, tmp_path):
    keys = {"path": str(tmp_path / "keys"), "kinds": ["service"]}
    assert run("license_keypair", check=True, **keys)["changed"]
    assert not (tmp_path / "keys").exists()
    made = run("license_keypair", **keys)
    assert made["keys"]["service"]["public_key"].startswith("-----BEGIN PUBLIC KEY-----")
    assert not run("license_keypair", rotate_after_days=1, **keys)["changed"]

    state = tmp_path / "keys/state.json"
    document = json.loads(state.read_text())
    document["service"]["createdAt"] = "2020-01-01T00:00:00+00:00"
    state.write_text(json.dumps(document))
    rotated = run("license_keypair", rotate_after_days=90, **keys)
    assert rotated["keys"]["service"]["kid"] == made["keys"]["service"]["next_kid"]
    assert not run("license_keypair", rotate_after_days=90, **keys)["changed"]
    assert "rotate" in run("license_keypair", failing=True, rotate_after_days=0, **keys)["msg"]


def test_a_fence_only_rises(run, tmp_path):
    fence = {"path": str(tmp_path / "tenant/fence")}
    assert run("fence", check=True, number=3, **fence)["changed"]
    assert not (tmp_path / "tenant").exists()
    assert run("fence", number=3, **fence)["changed"]
    assert not run("fence", number=3, **fence)["changed"]
    assert run("fence", number=5, **fence)["number"] == 5
    refused = run("fence", failing=True, number=4, **fence)
    assert "4 was overtaken: 5 holds the tenant" in refused["msg"]
    assert run("fence", failing=True, check=True, number=4, **fence)
    assert (tmp_path / "tenant/fence").read_text() == "5\n"


def test_what_isn_t_a_fence_is_left_alone(run, tmp_path):
    (tmp_path / "fence").write_text("seven\n")
    assert (
        "no fencing number"
        in run("fence", failing=True, number=8, path=str(tmp_path / "fence"))["msg"]
    )


SETTER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from ansible_collections.iotistic.platform.plugins.module_utils.fence import Fence
from ansible_collections.iotistic.platform.plugins.module_utils._contract.planning.fence import plan
fence = Fence(Path(sys.argv[2]))
for number in range(int(sys.argv[3]), 60, 3):
    try:
        with fence.held():
            plan(fence.read(), number).apply(fence)
    except ValueError:
        continue
    print(number)
"""


def test_writers_side_by_side_never_take_a_fence_back(tmp_path):
    fence, collections = tmp_path / "fence", str(Path(__file__).resolve().parents[5])
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", SETTER, collections, str(fence), str(first)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in range(3)
    ]
    held = [[int(line) for line in writer.communicate()[0].split()] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert int(fence.read_text()) == 59
    assert all(numbers == sorted(numbers) for numbers in held)
    together = [number for numbers in held for number in numbers]
    assert len(set(together)) == len(together)
