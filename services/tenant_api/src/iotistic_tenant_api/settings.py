"""What this service is told by its environment, read once."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from iotistic_kit.settings import ServiceSettings

__all__ = ["TenantSettings"]

SHORTEST_SECRET = 32


class TenantSettings(ServiceSettings):
    """Settings of one tenant's API, scheduler and housekeeping."""

    port: Annotated[int, Field(ge=0, le=65535)] = 3002
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    customer_id: Annotated[str, Field(min_length=1)]
    public_url: Annotated[str, Field(pattern=r"^https?://[^/]+$")]
    proxy_secret: SecretStr | None = None
    """What the dashboard proves itself with, so that its X-Forwarded-For is believed."""

    license_public_key: SecretStr | None = None
    service_public_key: SecretStr | None = None
    iotistic_license_key: SecretStr | None = None

    tenant_ca_file: Path
    former_ca_files: tuple[Path, ...] = ()
    """CAs of before, newest first, that some device or string may still name."""
    signer_socket: Path
    crl_file: Path
    provisioning_keys_dir: Path
    order_key_file: Path
    data_key_file: Path
    deployment_manifest: Path | None = None
    install_dir: Path | None = None
    """The agent's release, which devices install from; without it there is none here."""

    mqtt_host: str
    mqtt_port: Annotated[int, Field(ge=1, le=65535)] = 8883
    mqtt_client_cert_file: Path | None = None
    mqtt_client_key_file: Path | None = None
    mqtt_pid_file: Path | None = None

    minimum_poll_interval_ms: Annotated[int, Field(ge=100)] = 1_000
    license_check_interval_s: Annotated[int, Field(ge=1)] = 3_600

    @field_validator("proxy_secret")
    @classmethod
    def _check_proxy_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret) < SHORTEST_SECRET:
            raise ValueError(f"a secret of at least {SHORTEST_SECRET} characters is expected")
        return secret

    @property
    def shared_proxy_secret(self) -> str | None:
        """The proxy's secret as it comes in a header."""
        return self.proxy_secret.get_secret_value() if self.proxy_secret else None
