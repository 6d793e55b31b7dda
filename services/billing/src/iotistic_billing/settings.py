"""What the environment tells billing, read once."""

from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from iotistic_kit.settings import ServiceSettings
from iotistic_kit.work import RetryPolicy

__all__ = ["BillingSettings", "KeySettings", "WorkerSettings"]

SHORTEST_SECRET = 32


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < SHORTEST_SECRET:
        raise ValueError(f"shorter than {SHORTEST_SECRET} characters")
    return secret


LongSecret = Annotated[SecretStr, AfterValidator(_long_enough)]


class KeySettings(ServiceSettings):
    """For ``keys``."""

    license_keys_dir: Path


class BillingSettings(KeySettings):
    """For ``serve``; ``admin_token`` and ``api_key_seed`` come from files as a rule."""

    port: Annotated[int, Field(ge=0, le=65535)] = 3100
    admin_token: LongSecret
    api_key_seed: LongSecret
    base_domain: str = "iotistic.internal"
    deploy_backend: Literal["local"] = "local"
    deploy_via: Literal["runner"] = "runner"
    deploy_net: IPv4Network = IPv4Network("127.77.0.0/24")
    deploy_project_dir: Path
    email_verification: bool = True
    pending_trials: Annotated[int, Field(ge=1)] = 100


class WorkerSettings(BillingSettings):
    """For ``worker``: whom it runs, as whom, and for how long a silent worker keeps a job."""

    admin_token_file: Path | None = None
    iotistic_state: Path | None = None
    iotistic_net: str = ""
    iotistic_site: str = ""
    path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    home: str = "/"
    deploy_ansible_playbook: Path | None = None
    deploy_playbook: Path = Path("playbooks/tenant_apply.yml")
    deploy_inventory: Path = Path("inventories/billing")
    deploy_extra_vars_file: Path | None = None
    deploy_slots: Annotated[int, Field(ge=1, le=16)] = 3
    deploy_lease: Annotated[float, Field(gt=0)] = 60
    deploy_renewal: Annotated[float, Field(gt=0)] = 15
    deploy_silence: Annotated[float, Field(gt=0)] = 40
    deploy_retry_pauses: tuple[float, ...] = (60, 120)
    mail_dir: Path | None = None
    smtp_url: SecretStr | None = None
    smtp_ca_file: Path | None = None
    mail_from: str = ""
    mail_retry_pauses: tuple[float, ...] = (5, 30, 120, 600, 1800, 3600, 14400, 28800)
    deploy_secrets_dir: Path = Path("/dev/shm")  # noqa: S108 -- tmpfs is the point: never on a disk

    @property
    def retry_policy(self) -> RetryPolicy:
        """How often a job is tried: once more than there are pauses."""
        return _policy(self.deploy_retry_pauses)

    @property
    def mail_policy(self) -> RetryPolicy:
        """How often a mail, or a tenant for its invitation, is tried."""
        return _policy(self.mail_retry_pauses)

    @model_validator(mode="after")
    def _check_one_sink(self) -> Self:
        if self.mail_dir is not None and self.smtp_url is not None:
            raise ValueError("MAIL_DIR and SMTP_URL exclude each other")
        return self


def _policy(seconds: tuple[float, ...]) -> RetryPolicy:
    return RetryPolicy(pauses=tuple(timedelta(seconds=each) for each in seconds))
