"""For tests: the files of a tenant, what billing signs, and a device that speaks the wire."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from iotistic_contract.codec import b64u_encode, encode
from iotistic_contract.license import ISSUER, License, Subscription
from iotistic_contract.plans import PLANS
from iotistic_contract.provisioning import (
    ApiKey,
    KeyExchangeAnswer,
    ProvisioningString,
    RegistrationPayload,
    certificates_signed_bytes,
    release_signed_bytes,
    rotate_key_signed_bytes,
    secret_hash,
)
from iotistic_pki.certificates import pem
from iotistic_pki.creation import Tenant, create_platform, create_root, create_tenant
from iotistic_pki.keys import KeyKind, PrivateKey, new_key, public_pem, write_private
from iotistic_pki.profiles import Profile, server, service
from iotistic_pki.provisioning import seal_registration, sign
from iotistic_pki.requests import make_request, request_der
from iotistic_pki.sealing import new_sealing_key, sealing_public
from iotistic_pki.tokens import new_service_token, sign_license, sign_service_token
from iotistic_pki.wrapping import ProvisioningKeys
from iotistic_tenant_api.security.data_key import make_data_key
from iotistic_tenant_api.settings import TenantSettings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from iotistic_contract.provisioning import RegisterRequest

__all__ = ["Billing", "MemoryDevice", "TenantFiles", "said", "spec"]


def spec(*names: str, secrets: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    """Return a spec of one app `web` with these services; `secrets` are the first one's."""
    services = [
        {"serviceId": name, "serviceName": name, "imageName": "busybox:1"} for name in names
    ]
    if secrets:
        services[0] = {**services[0], "config": {"secrets": secrets}}  # type: ignore[dict-item]
    apps = {"web": {"appId": "web", "appName": "Web", "services": services}}
    return {"apps": apps, "config": config}


def said(answer: Any) -> tuple[int, str]:
    """Return status and word of a refusal."""
    return answer.status_code, answer.json["code"]


@dataclass(frozen=True, slots=True)
class Billing:
    """Billing's two signing keys."""

    license_key: PrivateKey = field(default_factory=lambda: new_key(KeyKind.RSA_3072))
    service_key: PrivateKey = field(default_factory=lambda: new_key(KeyKind.ED25519))

    def license(self, customer_id: str, now: datetime, plan: str = "starter") -> License:
        """Return a license of that plan, paid for 30 days from `now`."""
        end = now + timedelta(days=30)
        return License(
            iss=ISSUER,
            aud=customer_id,
            sub=customer_id,
            jti=str(uuid.uuid4()),
            iat=int(now.timestamp()),
            nbf=int(now.timestamp()),
            exp=int((end + timedelta(days=14)).timestamp()),
            customer_name="Test",
            plan=plan,
            features=PLANS[plan].features,
            limits=PLANS[plan].limits,
            subscription=Subscription(current_period_ends_at=end),
        )

    def license_token(self, customer_id: str, now: datetime, plan: str = "starter") -> str:
        """Return that license, signed."""
        return sign_license(self.license(customer_id, now, plan), self.license_key)

    def service_token(self, customer_id: str, scope: Iterable[str], now: datetime) -> str:
        """Return a token for ten minutes."""
        token = new_service_token(customer_id, "admin", scope, now, str(uuid.uuid4()))
        return sign_service_token(token, self.service_key)


@dataclass(slots=True)
class TenantFiles:
    """A tenant's CA with its signing process, and all key files, in one folder."""

    folder: Path
    customer_id: str
    address: str
    billing: Billing
    signer: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, folder: Path, customer_id: str, address: str, billing: Billing) -> TenantFiles:
        """Make the CA and the keys, and start the signing process."""
        files = cls(folder=folder, customer_id=customer_id, address=address, billing=billing)
        who = Tenant(customer_id=customer_id, base_domain="iot.example", addresses=(address,))
        with (
            create_root(folder / "root", "Test") as root,
            create_platform(folder / "platform", root, "Test") as platform,
            create_tenant(folder / "ca", platform, who) as authority,
        ):
            files._issue(authority, "server", server([], [address]))
            files._issue(authority, "tenant-api", service("tenant-api"))
            authority.write_crl(folder / "crl.pem")
        (folder / "provisioning").mkdir(mode=0o700)
        write_private(folder / "provisioning" / "current.pem", new_key(KeyKind.RSA_2048))
        ProvisioningKeys.ensure(folder / "provisioning", datetime.now(UTC))
        write_private(folder / "order.pem", new_key(KeyKind.ED25519))
        make_data_key(folder / "data.key")
        files._start_signer()
        return files

    def settings(self, conninfo: str, **changes: Any) -> TenantSettings:
        """Return settings that point into the folder."""
        folder = self.folder
        told: dict[str, Any] = {
            "database_url": SecretStr(conninfo),
            "customer_id": self.customer_id,
            "public_url": f"https://{self.address}:3002",
            "license_public_key": SecretStr(public_pem(self.billing.license_key).decode()),
            "service_public_key": SecretStr(public_pem(self.billing.service_key).decode()),
            "tenant_ca_file": folder / "ca" / "tenant-ca.pem",
            "signer_socket": folder / "s",
            "crl_file": folder / "crl.pem",
            "provisioning_keys_dir": folder / "provisioning",
            "order_key_file": folder / "order.pem",
            "data_key_file": folder / "data.key",
            "mqtt_host": self.address,
            "mqtt_client_cert_file": folder / "tenant-api.pem",
            "mqtt_client_key_file": folder / "tenant-api.key",
        }
        return TenantSettings(**(told | changes))

    def stop(self) -> None:
        """Stop the signing process."""
        if self.signer is not None:
            self.signer.terminate()
            self.signer.wait(timeout=10)

    def _issue(self, authority: Any, name: str, profile: Profile) -> None:
        key = new_key(KeyKind.P256)
        write_private(self.folder / f"{name}.key", key)
        leaf = authority.issue(make_request(key), profile)
        (self.folder / f"{name}.pem").write_bytes(pem([leaf, *authority.chain]))

    def _start_signer(self) -> None:
        socket = self.folder / "s"
        self.signer = subprocess.Popen(  # noqa: S603 - our own program
            [
                sys.executable,
                "-m",
                "iotistic_pki.cli",
                "sign",
                "--ca",
                str(self.folder / "ca"),
                "--socket",
                str(socket),
                "--crl",
                str(self.folder / "crl.pem"),
            ],
            stdout=subprocess.DEVNULL,
        )
        until = time.monotonic() + 20
        while not socket.exists():
            if self.signer.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the signing process doesn't start")
            time.sleep(0.02)


@dataclass(slots=True)
class MemoryDevice:
    """A device that keeps its keys: it makes what the wire wants, and sends nothing itself."""

    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    key: PrivateKey = field(default_factory=lambda: new_key(KeyKind.ED25519))
    tls_key: PrivateKey = field(default_factory=lambda: new_key(KeyKind.P256))
    sealing_key: bytes = field(default_factory=new_sealing_key)
    api_key: str = ""
    registration: str = ""

    def key_exchange(self, key_id: str) -> dict[str, Any]:
        """Return the body of phase 1."""
        return {
            "deviceUuid": self.uuid,
            "provisioningApiKey": key_id,
            "devicePublicKey": public_pem(self.key).decode(),
        }

    def registration_request(
        self, answer: KeyExchangeAnswer, provisioning_key: str
    ) -> RegisterRequest:
        """Return the body of phase 2; `provisioning_key` is the whole string or the key alone."""
        key = provisioning_key
        if "@" in key:
            key = str(ProvisioningString.parse(key).key)
        payload = RegistrationPayload(
            device_uuid=self.uuid,
            provisioning_api_key=key,
            certificate_request=make_request(self.tls_key).decode(),
            device_sealing_key=b64u_encode(sealing_public(self.sealing_key)),
            challenge=answer.challenge or "",
            device_name="lamp",
            device_type="test",
        )
        return seal_registration(payload, answer, self.key)

    def keep(self, answer: dict[str, Any]) -> None:
        """Keep what a registration gave."""
        self.api_key, self.registration = answer["deviceApiKey"], answer["registration"]

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a device's request."""
        return {"X-Device-API-Key": self.api_key}

    def rotation(self) -> tuple[str, dict[str, Any]]:
        """Return a new whole API key, and the body that announces it."""
        old = ApiKey.parse(self.api_key, "dk1")
        secret = b64u_encode(secrets.token_bytes(32))
        digest = secret_hash(secret)
        message = rotate_key_signed_bytes(self.uuid, self.registration, digest)
        body = {"newKeyHash": b64u_encode(digest), "signature": self._signed(message)}
        return str(ApiKey(prefix="dk1", id=old.id, secret=secret)), body

    def certificate_request(self) -> dict[str, Any]:
        """Return the body that asks for a new certificate."""
        request = make_request(self.tls_key).decode()
        message = certificates_signed_bytes(self.uuid, self.registration, request_der(request))
        return {"certificateRequest": request, "signature": self._signed(message)}

    def release(self) -> dict[str, Any]:
        """Return the body that releases the device."""
        return {"signature": self._signed(release_signed_bytes(self.uuid, self.registration))}

    def body(self, request: RegisterRequest) -> dict[str, Any]:
        """Return a request as JSON."""
        return dict(encode(request))

    def _signed(self, message: bytes) -> str:
        return b64u_encode(sign(self.key, message))
