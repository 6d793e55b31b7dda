# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stories of a provisioning key and its file."""

from __future__ import annotations

import json

import pytest

UUID = "5f0c1f7e-8a54-4d0b-9d3c-0a6d2f1b7c11"


@pytest.fixture
def dest(tmp_path):
    return tmp_path / "etc" / "key"


@pytest.fixture
def key(acme, dest):
    return {"name": "pump", "device_uuid": UUID, "dest": str(dest), **acme}


def live(platform):
    return [key["id"] for key in platform.keys.values() if not key["revokedAt"]]


def test_a_key_is_made_once_and_its_secret_stays_in_the_file(run, platform, key, dest):
    predicted = run("provisioning_key", check=True, **key)
    assert (predicted["changed"], platform.keys, dest.exists()) == (True, {}, False)

    made = run("provisioning_key", **key)
    assert made["diff"] == predicted["diff"]
    assert dest.read_text().startswith("iotp1.k1.")
    assert dest.stat().st_mode & 0o777 == 0o600
    assert "BBBB" not in json.dumps(made)

    assert not run("provisioning_key", **key)["changed"]
    assert live(platform) == ["k1"]


def test_a_lost_file_is_a_new_key_and_the_old_one_dies(run, platform, key, dest):
    run("provisioning_key", **key)
    dest.unlink()
    assert run("provisioning_key", **key)["changed"]
    assert live(platform) == ["k2"]
    assert dest.read_text().startswith("iotp1.k2.")


def test_another_wish_is_another_key(run, platform, key):
    run("provisioning_key", **key)
    later = {**key, "expires_at": "2027-01-01T00:00:00Z"}
    assert run("provisioning_key", **later)["changed"]
    assert not run("provisioning_key", **later)["changed"]
    assert live(platform) == ["k2"]


def test_a_key_goes_with_its_file(run, platform, key, dest):
    run("provisioning_key", **key)
    assert run("provisioning_key", state="absent", **key)["changed"]
    assert (live(platform), dest.exists()) == ([], False)
    assert not run("provisioning_key", state="absent", **key)["changed"]


def test_a_key_that_can_t_be_stored_is_revoked(run, platform, key, dest):
    dest.parent.parent.mkdir(exist_ok=True)
    dest.parent.write_text("in the way")
    failed = run("provisioning_key", failing=True, **key)
    assert "dest" in failed["msg"]
    assert live(platform) == []


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"device_uuid": "pump"}, "/device_uuid"),
        ({"max_devices": 0, "device_uuid": None}, "/max_devices"),
        ({"expires_at": "soon"}, "/expires_at"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(run, platform, key, bad, field):
    platform.requests.clear()
    refused = run("provisioning_key", failing=True, **{**key, **bad})
    assert refused["msg"].startswith(field)
    assert platform.requests == []
