"""The users commands, as they are run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]


def users(api: Any, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = api.worker.settings
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "CUSTOMER_ID": settings.customer_id,
        "PUBLIC_URL": settings.public_url,
        "TENANT_CA_FILE": str(settings.tenant_ca_file),
        "SIGNER_SOCKET": str(settings.signer_socket),
        "CRL_FILE": str(settings.crl_file),
        "PROVISIONING_KEYS_DIR": str(settings.provisioning_keys_dir),
        "ORDER_KEY_FILE": str(settings.order_key_file),
        "DATA_KEY_FILE": str(settings.data_key_file),
        "MQTT_HOST": settings.mqtt_host,
    }
    command = [sys.executable, "-m", "iotistic_tenant_api", "users", *arguments]
    return subprocess.run(
        command,
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


async def test_an_owner_is_invited_by_a_file(api: Any, tmp_path: Path) -> None:
    done = users(api, tmp_path, "invite-owner", "Ada@Example.com")
    assert done.returncode == 0, done.stderr
    said, path = json.loads(done.stdout), tmp_path / "owner-invitation"
    assert (said["email"], said["tokenFile"]) == ("ada@example.com", "owner-invitation")
    assert path.stat().st_mode & 0o777 == 0o600
    token = path.read_text().strip()
    assert token.startswith("inv1.")
    assert token not in done.stdout + done.stderr
    body = {"token": token, "name": "Ada", "password": "four words make sense"}
    assert (await api.ask("POST", "/api/v1/invitations/accept", body)).status_code == 200
    listed = users(api, tmp_path, "list")
    assert [(one["email"], one["role"]) for one in map(json.loads, listed.stdout.splitlines())] == [
        ("ada@example.com", "owner")
    ]
    again = users(api, tmp_path, "invite-owner", "ada@example.com", "--token-file", "other")
    assert (again.returncode, again.stdout) == (2, "")
    assert "has an account" in again.stderr
    assert not (tmp_path / "other").exists()


async def test_a_file_that_cannot_be_written_leaves_no_invitation(api: Any, tmp_path: Path) -> None:
    done = users(api, tmp_path, "invite-owner", "ada@example.com", "--token-file", "no/such/dir")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert await api.rows("SELECT 1 FROM invitations") == []


async def test_a_lost_second_factor_is_turned_off(api: Any, tmp_path: Path) -> None:
    person = await api.person()
    await api.rows(
        "UPDATE users SET totp_secret = 'x', totp_confirmed_at = now() WHERE id = %s RETURNING 1",
        person.id,
    )
    assert (await api.sign_in(person)).json["code"] == "second_factor_required"
    done = users(api, tmp_path, "reset-second-factor", person.email)
    assert json.loads(done.stdout)["hadSecondFactor"] is True
    assert (await api.sign_in(person)).status_code == 200
    rows = await api.rows("SELECT actor FROM audit_log WHERE action = 'second_factor_reset'")
    assert rows == [("cli",)]
    nobody = users(api, tmp_path, "reset-second-factor", "nobody@example.com")
    assert (nobody.returncode, nobody.stderr) == (2, "error: no user nobody@example.com\n")
